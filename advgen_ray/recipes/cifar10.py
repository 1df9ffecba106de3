"""CIFAR-10 at paper scale: S000 sections 6 and 7, table 1."""

from advgen_ray.config import (
    AttackConfig,
    ClassifierViewConfig,
    CompareDetectorsConfig,
    CompareLossesConfig,
    CompareSubsetsConfig,
    DataConfig,
    EnergyViewConfig,
    EvaluateRobustnessConfig,
    GenerateFromClassifierConfig,
    OptimizerConfig,
    ParameterConfig,
    PoolConfig,
    ScoreEnergiesConfig,
    SearchConfig,
    StudyConfig,
    TrainClassifierConfig,
    TrainScoreModelConfig,
    UNetConfig,
    WideResNetConfig,
    WorkersConfig,
)
from advgen_ray.recipes.attacks import energy_view
from advgen_ray.recipes.cifar10_counterfactuals import (
    cifar10_counterfactuals,
    cifar10_dvce,
    cifar10_robust_counterfactuals,
)
from advgen_ray.recipes.comparisons import every_loss
from advgen_ray.recipes.robust_training import s001

DATA = DataConfig(name="cifar10")


def cifar10_classifier() -> TrainClassifierConfig:
    """S000 T1, WRN-40-2 at eps 0.5: 84.87 clean, 54.73 under PGD(8) at 0.5; other eps with --set attack.eps=."""
    return TrainClassifierConfig(
        data=DATA,
        model=WideResNetConfig(depth=40, widen_factor=2),
        attack=AttackConfig(norm="l2", eps=0.5, num_steps=8),
        evaluation_attack=AttackConfig(norm="l2", eps=0.5, num_steps=8),
        optimizer=OptimizerConfig(kind="adam", learning_rate=1e-3),
        num_epochs=100,
        augment="flip_crop",
        workers=WorkersConfig(num_workers=2, cpus_per_worker=4),
    )


def cifar10_standard_classifier() -> TrainClassifierConfig:
    """S000 T1, WRN-40-2 at eps 0 with dropout 0.3: 93.08 clean, 5.75 under PGD(8) at 0.5."""
    robust = cifar10_classifier()
    return robust.override(["attack.eps=0.0", "model.dropout=0.3"])


def cifar10_score_model() -> TrainScoreModelConfig:
    """S000 section 6: four stages of 128/256/256/256 channels, 1M steps of 128; DDPM++ VP reaches FID 2.55."""
    return TrainScoreModelConfig(
        data=DATA,
        model=UNetConfig(),
        horizontal_flip=True,
        workers=WorkersConfig(num_workers=4, cpus_per_worker=4),
    )


def cifar10_energies() -> ScoreEnergiesConfig:
    """Energies of the test split, clean and under PGD(8) at 0.5, and of 10,000 training sources and their CEs."""
    return ScoreEnergiesConfig(
        data=DATA,
        num_images=10_000,
        attacks=(AttackConfig(norm="l2", eps=0.5, num_steps=8),),
        pool=PoolConfig(min_actors=1, max_actors=8, cpus_per_actor=4),
    )


def cifar10_study() -> StudyConfig:
    """S000 whole: the eps of T1, 200,000 CEs, figures 2 to 11; fig 3 reports r^2 = 0.39."""
    return StudyConfig(
        data=DATA,
        classifier=cifar10_classifier(),
        eps=(0.0, 0.1, 0.5, 1.0, 1.5, 2.0),
        score_model=cifar10_score_model(),
        counterfactuals=cifar10_counterfactuals(),
        variant_sources=1000,
        held_out_sources=1000,
        energies=cifar10_energies(),
        classifier_view=ClassifierViewConfig(
            eps=(1.0, 2.0), ascent=cifar10_robust_counterfactuals(), dvce=cifar10_dvce()
        ),
        energy_view=EnergyViewConfig(
            eps=1.0,
            quasi_robust_eps=0.1,
            attacked=cifar10_attacked_energies(),
            detectors=cifar10_detectors(),
            images=cifar10_classifier_images(),
            recorded=cifar10_trades().override(["record_energies_at_epochs=[1, 50, 100]"]),
        ),
        output="runs/cifar10",
    )


def cifar10_sat() -> TrainClassifierConfig:
    """S001 A.3, standard AT; AutoAttack lists 87.03 clean, 49.25 robust (ResNet-50, Engstrom), 85.34 / 53.42 (Rice)."""
    return s001(DATA, "sat")


def cifar10_trades() -> TrainClassifierConfig:
    """S001 A.3, TRADES with beta 6; AutoAttack lists 84.92 clean, 53.08 robust for WRN-34-10."""
    return s001(DATA, "trades")


def cifar10_mart() -> TrainClassifierConfig:
    """S001 A.3, MART with beta 6; AutoAttack lists 87.50 clean, 56.29 robust for WRN-28-10 with 500k more images."""
    return s001(DATA, "mart")


def cifar10_mail_trades() -> TrainClassifierConfig:
    """S001 A.3, MAIL-TRADES with PM_adv, beta 5, burn-in 75; no AutoAttack figure is listed."""
    return s001(DATA, "mail_trades")


def cifar10_weat_adv() -> TrainClassifierConfig:
    """S001 A.3, WEAT-adv with beta 6; no figure in the supplement; ResNet-18s listed: 85.71 / 52.48, 84.90 / 49.08."""
    return s001(DATA, "weat_adv")


def cifar10_weat_nat() -> TrainClassifierConfig:
    """S001 A.3, WEAT-nat with beta 6; no figure in the supplement; ResNet-18s listed: 85.71 / 52.48, 84.90 / 49.08."""
    return s001(DATA, "weat_nat")


def cifar10_robustness() -> EvaluateRobustnessConfig:
    """AutoAttack's standard in Linf at 8/255 on all test images; the leaderboard's WRN-28-10: 67.31 (Wang 2023)."""
    return EvaluateRobustnessConfig(
        data=DATA,
        norm="linf",
        eps=8 / 255,
        batch_size=500,
        pool=PoolConfig(min_actors=1, max_actors=8, cpus_per_actor=4),
    )


def cifar10_older_attacks() -> EvaluateRobustnessConfig:
    """S004 section 3.1 on S000's model of eps 0.5: what DeepFool and L-BFGS find after PGD; none published."""
    return EvaluateRobustnessConfig(
        data=DATA,
        num_images=1000,
        classifier="runs/cifar10/classifiers/eps-0.5/model",
        norm="l2",
        eps=0.5,
        attacks=(
            AttackConfig(eps=0.5, num_steps=40, step_size=0.05),
            AttackConfig(kind="deepfool", eps=0.5, num_steps=50),
            AttackConfig(kind="lbfgs", eps=0.5, num_steps=50),
        ),
        batch_size=500,
        output="runs/cifar10/older_attacks",
        pool=PoolConfig(min_actors=1, max_actors=8, cpus_per_actor=4),
    )


def cifar10_attacked_energies() -> ScoreEnergiesConfig:
    """S003 figures 2b, 3b, S001 figures B, C: Linf 8/255, steps of 2/255; PGD lowers E(x), FAB raises it."""
    return ScoreEnergiesConfig(
        data=DATA,
        splits=("test",),
        attacks=energy_view("linf", 8 / 255, 2 / 255),
        shard_images=1000,
        pool=PoolConfig(min_actors=1, max_actors=8, cpus_per_actor=4),
    )


def cifar10_search() -> SearchConfig:
    """TRADES' eps and beta at S001's budget, ranked by PGD(20) at 8/255 on 1,000 images held out."""
    return SearchConfig(
        job="train_classifier",
        base=cifar10_trades().model_dump(mode="json"),
        space=(
            ParameterConfig(key="attack.eps", kind="log_uniform", low=2 / 255, high=16 / 255),
            ParameterConfig(key="beta", kind="choice", values=(1.0, 3.0, 6.0, 9.0)),
        ),
        scheduler="asha",
        grace=0.2,
        num_trials=16,
        max_concurrent_trials=4,
        output="runs/cifar10-search",
    )


def cifar10_detectors() -> CompareDetectorsConfig:
    """S003 T1: PGD(8/255) detected in 98.38% (energy), 92.27% (KD+BU), 94.39% (LID), APGD in 85.45%; 1 to 2% alarms.

    The non-robust classifier of the study, trained with dropout, on 5,000 images that choose and 5,000 that are
    measured; PGD of 40 steps of 1/255.
    """
    return CompareDetectorsConfig(
        data=DATA,
        classifier="runs/cifar10/classifiers/eps-0.0/model",
        num_reference=5000,
        shard_images=500,
        pool=PoolConfig(min_actors=1, max_actors=8, cpus_per_actor=4),
    )


def cifar10_classifier_images() -> GenerateFromClassifierConfig:
    """S001 A.7, figures G to J: 100 images a class by its settings for SAT, 20 steps at momentum 0.5; S003 figure 4.

    Of the study's classifiers: non-robust, quasi-robust (eps 0.1) and robust; only the robust one generates.
    """
    return GenerateFromClassifierConfig(
        data=DATA,
        classifiers=tuple(f"runs/cifar10/classifiers/eps-{eps}/model" for eps in (0.0, 0.1, 1.0)),
        generators=("eps-1.0",),
        judge="runs/cifar10/classifiers/judge/model",
        images_per_class=100,
        num_steps=20,
        momentum=0.5,
        num_gradient_images=1000,
        shard_images=100,
        pool=PoolConfig(min_actors=1, max_actors=8, cpus_per_actor=4),
    )


def cifar10_trades_images() -> GenerateFromClassifierConfig:
    """S001 A.7, figures H to J: 100 images a class by its settings for TRADES, 150 steps at momentum 0.8.

    Of the classifier that cifar10_study recorded the energies of.
    """
    places = ["classifiers=[runs/cifar10/recorded/trades/model]", "output=runs/cifar10/trades_images"]
    return cifar10_classifier_images().override([*places, "generators=[]", "num_steps=150", "momentum=0.8"])


def cifar10_losses() -> CompareLossesConfig:
    """S001 A.3 whole: six losses, 100 epochs in Linf 8/255, over three seeds; figures D, E at epochs 1, 50 and 100."""
    training = s001(DATA, "sat", record_energies_at_epochs=(1, 50, 100), num_energy_images=2000)
    return every_loss(training, output="runs/cifar10-losses")


def cifar10_subsets() -> CompareSubsetsConfig:
    """S001 A.4, tables A and B, figure F: standard AT without 3,317 incorrect and 6,500 (13%) by energy, of 50,000."""
    return CompareSubsetsConfig(
        training=s001(DATA, "sat"),
        energy_share=6500 / 50_000,
        output="runs/cifar10-subsets",
        pool=PoolConfig(min_actors=1, max_actors=4, cpus_per_actor=4),
    )
