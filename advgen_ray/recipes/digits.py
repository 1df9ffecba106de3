"""Scikit-learn's digits (1,797 scans of 8x8 pixels): the whole study in minutes on two CPU cores."""

from advgen_ray.config import (
    AttackConfig,
    BinaryViewConfig,
    ClassifierViewConfig,
    CompareDetectorsConfig,
    DataConfig,
    EnergyViewConfig,
    GenerateFromClassifierConfig,
    LogitAttackConfig,
    OptimizerConfig,
    PoolConfig,
    ScoreEnergiesConfig,
    StudyConfig,
    TrainClassifierConfig,
    TrainScoreModelConfig,
    UNetConfig,
    WideResNetConfig,
)
from advgen_ray.recipes.attacks import adaptive_suites, energy_view, ladder
from advgen_ray.recipes.digits_counterfactuals import (
    digits_counterfactuals,
    digits_dvce,
    digits_robust_counterfactuals,
)
from advgen_ray.recipes.generative_classifier import digits_generative_robustness
from advgen_ray.recipes.one_vs_rest import digits_one_vs_rest
from advgen_ray.recipes.one_vs_rest_evaluation import digits_one_vs_rest_evaluation
from advgen_ray.recipes.robust_training import with_loss
from advgen_ray.recipes.synthesis import digits_counterfactual_synthesis

DATA = DataConfig(name="digits")


def digits_classifier() -> TrainClassifierConfig:
    """A small WideResNet, L2 PGD(8) at eps 0.5: at least 98% clean at eps 0, a smooth fall of it with eps."""
    return TrainClassifierConfig(
        data=DATA,
        model=WideResNetConfig(depth=10, widen_factor=1),
        attack=AttackConfig(norm="l2", eps=0.5, num_steps=8),
        evaluation_attack=AttackConfig(norm="l2", eps=0.5, num_steps=20),
        optimizer=OptimizerConfig(learning_rate=4e-3, schedule="one_cycle"),
        num_epochs=20,
        eps_warmup_epochs=12,
        checkpoint_every_epochs=5,
    )


def digits_score_model() -> TrainScoreModelConfig:
    """A three-stage U-Net of 16 to 32 channels: counterfactuals of at least 95% validity."""
    return TrainScoreModelConfig(
        data=DATA,
        model=UNetConfig(base_channels=16, channel_multipliers=(1, 2, 2), num_blocks=1, channels_per_group=8),
        optimizer=OptimizerConfig(learning_rate=4e-3, schedule="one_cycle", warmup_steps=150, clip_norm=1.0),
        ema_decay=0.995,
        num_steps=1500,
        checkpoint_every_steps=500,
    )


def digits_energies() -> ScoreEnergiesConfig:
    """Energies of every scan, clean and under PGD(20), and of the CEs, under the classifiers given.

    At eps 0.5, that of the accuracy table, PGD raises the standard model's energy (AUROC of the detector .07); what
    S003 reports, energy falling under attack, begins where every image falls at once: eps 1.5: .83, 2.0: .95, 3.0: .99.
    """
    weak, strong = (AttackConfig(norm="l2", eps=eps, num_steps=20) for eps in (0.5, 2.0))
    return ScoreEnergiesConfig(data=DATA, attacks=(weak, strong), pool=PoolConfig(min_actors=2, max_actors=2))


def digits_attacked_energies() -> ScoreEnergiesConfig:
    """S003 figures 2 and 3, S001 figures A to C, on 200 test scans in L2 at 2.0: energies by strength and by attack."""
    return ScoreEnergiesConfig(
        data=DATA,
        splits=("test",),
        num_images=200,
        attacks=energy_view("l2", eps=2.0, step_size=0.25, num_queries=500),
        shard_images=100,
        pool=PoolConfig(min_actors=2, max_actors=2),
    )


def digits_energies_by_steps() -> ScoreEnergiesConfig:
    """S003 figure 2b and S001 figure A on digits: E(x) against steps of PGD and TRADES' attack, for three depths.

    Train the three first: digits_classifier with attack.eps=0, model.depth=10 and output=runs/digits/wrn-10, then 16
    and 22. Mean E(x) rises for a step or two, then falls at every depth: PGD(40) by 3.2, 1.5 and 1.5.
    """
    eps, step_size = 2.0, 0.25
    return ScoreEnergiesConfig(
        data=DATA,
        splits=("test",),
        classifiers=tuple(f"runs/digits/wrn-{depth}/model" for depth in (10, 16, 22)),
        attacks=(*ladder("l2", eps, step_size), *ladder("l2", eps, step_size, "kl")),
        shard_images=400,
        output="runs/digits/energies-by-steps",
        pool=PoolConfig(min_actors=2, max_actors=2),
    )


def digits_study() -> StudyConfig:
    """S000 on digits, and the energy view of S001 and S003: standard model, eps 1.0, and TRADES recorded by epoch.

    In the place of digits_demo, which has less of everything, as other recipes look for models there.
    """
    # Two models at a time, a core each: two workers of one so small spend a third of a step on averaging gradients.
    side_by_side = ["workers.num_workers=1", "workers.num_groups=2"]
    classifier = digits_classifier().override(side_by_side)
    return StudyConfig(
        data=DATA,
        classifier=classifier,
        eps=(0.0, 0.5, 1.0, 1.5),
        score_model=digits_score_model().override(side_by_side),
        counterfactuals=digits_counterfactuals(),
        variant_sources=20,
        held_out_sources=60,
        energies=digits_energies(),
        classifier_view=ClassifierViewConfig(
            eps=(1.0, 1.5),
            chain_sources=100,
            ascent=digits_robust_counterfactuals(),
            dvce=digits_dvce(),
        ),
        energy_view=EnergyViewConfig(
            eps=1.0,
            attacked=digits_attacked_energies().override(["num_images=100"]),
            detectors=digits_detectors().override(["num_images=240"]),
            images=digits_classifier_images(),
            recorded=with_loss(classifier, "trades").override(
                [
                    "num_epochs=12",
                    "eps_warmup_epochs=7",
                    "record_energies_at_epochs=[1, 6, 12]",
                    "num_energy_images=400",
                ]
            ),
        ),
        binary_view=_binary_view(),
        output="runs/demo",
    )


def _binary_view() -> BinaryViewConfig:
    """S004 in a minute beside the study: ten detectors in L2 1, their AUC, counterfactuals, accuracy by radius."""
    two = PoolConfig(min_actors=2, max_actors=2)
    detectors = digits_one_vs_rest()
    training = detectors.training.override(["num_steps=250", "validation.every_steps=125"])
    return BinaryViewConfig(
        eps=1.0,
        detectors=detectors.model_copy(update={"training": training}),
        evaluation=digits_one_vs_rest_evaluation().model_copy(
            update={
                "attacks": (LogitAttackConfig(norm="l2", eps=1.0, num_steps=40, step_size=0.0625),),
                "pool": two,
            }
        ),
        synthesis=digits_counterfactual_synthesis().override(
            ["num_images=300", "ascents=[{num_steps: 40, step_size: 0.1}, {num_steps: 20, step_size: 0.25}]"]
        ),
        robustness=digits_generative_robustness().model_copy(
            update={
                "num_images": 100,
                "radii": (0.5, 1.0),
                "suites": adaptive_suites("l2", 1.0, num_steps=20, num_restarts=1),
            }
        ),
    )


def digits_detectors() -> CompareDetectorsConfig:
    """S003 T1 on digits, for the demo's standard classifier: PGD and APGD at L2 2, where energy falls, PGD at 0.5.

    LID looks among all training scans: of 100, as Ma et al. have it, its area under the ROC against PGD at 2 is .87, of
    all 1,400 it is .96; then it also takes 85% of random noise as large as the attack for one.
    """
    strong = AttackConfig(norm="l2", eps=2.0, num_steps=40)
    return CompareDetectorsConfig(
        data=DATA,
        classifier="runs/demo/classifiers/eps-0.0/model",
        attacks=(strong, strong.override(["kind=apgd"]), strong.override(["eps=0.5"])),
        num_reference=1400,
        num_candidates=1400,
        shard_images=200,
        pool=PoolConfig(min_actors=2, max_actors=2),
    )


def digits_classifier_images() -> GenerateFromClassifierConfig:
    """S001 A.7 on digits, for the demo's classifiers: S001's settings for SAT, 20 steps at momentum 0.5.

    The start is as wide as S001's, a third of the data's spread: .03 singular values of 140 images, .005 of 5,000. With
    150 steps at momentum .8 images of the model of eps 1.5 are exaggerated, as S001 figure G shows, and less like test
    images (mean SSIM .86 instead of .91).
    """
    return GenerateFromClassifierConfig(
        data=DATA,
        classifiers=tuple(f"runs/demo/classifiers/eps-{eps}/model" for eps in (0.0, 0.5, 1.0, 1.5)),
        judge="runs/demo/classifiers/judge/model",
        start_sigma=0.03,
        num_steps=20,
        momentum=0.5,
        shard_images=100,
        pool=PoolConfig(min_actors=2, max_actors=2),
    )
