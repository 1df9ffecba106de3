"""MNIST at 28x28: between the laptop and the paper; needs ``data.root`` or ``data.download=true``."""

from advgen_ray.config import (
    AttackConfig,
    CompareDetectorsConfig,
    CompareLossesConfig,
    CompareSubsetsConfig,
    DataConfig,
    GenerateConfig,
    GenerateFromClassifierConfig,
    NeighborhoodConfig,
    OptimizerConfig,
    PoolConfig,
    ScoreEnergiesConfig,
    TrainClassifierConfig,
    TrainScoreModelConfig,
    UNetConfig,
    WideResNetConfig,
)
from advgen_ray.config.evaluation import EvaluateRobustnessConfig
from advgen_ray.config.samplers import HUNDRED_EVALUATIONS
from advgen_ray.config.search import SearchConfig
from advgen_ray.config.space import ParameterConfig
from advgen_ray.recipes.attacks import energy_view
from advgen_ray.recipes.comparisons import every_loss
from advgen_ray.recipes.robust_training import with_loss

DATA = DataConfig(name="mnist")
EPS, STEP_SIZE = 0.3, 0.03  # Linf, the radius of Madry et al.
# 2,800 steps of .8 s on two cores: 40 minutes a training.
LINF = TrainClassifierConfig(
    data=DATA,
    model=WideResNetConfig(depth=10, widen_factor=1),
    attack=AttackConfig(norm="linf", eps=EPS, num_steps=7, step_size=0.08),
    evaluation_attack=AttackConfig(norm="linf", eps=EPS, num_steps=20, step_size=STEP_SIZE),
    num_validation_images=1000,
    optimizer=OptimizerConfig(learning_rate=4e-3, schedule="one_cycle"),
    num_epochs=6,
    eps_warmup_epochs=3,
)


def mnist_classifier() -> TrainClassifierConfig:
    """WRN-16-2 with L2 PGD(8) at eps 1: the method of S000 on digits of 28x28; no published figure."""
    return TrainClassifierConfig(
        data=DATA,
        model=WideResNetConfig(depth=16, widen_factor=2),
        attack=AttackConfig(norm="l2", eps=1.0, num_steps=8),
        evaluation_attack=AttackConfig(norm="l2", eps=1.0, num_steps=20),
        num_epochs=20,
        eps_warmup_epochs=5,
    )


def mnist_score_model() -> TrainScoreModelConfig:
    """A three-stage U-Net of 64 to 128 channels on MNIST; no published figure."""
    return TrainScoreModelConfig(
        data=DATA,
        model=UNetConfig(base_channels=64, channel_multipliers=(1, 2, 2), channels_per_group=16),
        optimizer=OptimizerConfig(learning_rate=2e-4, warmup_steps=1000, clip_norm=1.0),
        ema_decay=0.999,
        num_steps=50_000,
        checkpoint_every_steps=2000,
    )


def mnist_laptop_score_model() -> TrainScoreModelConfig:
    """A U-Net of 16 to 32 channels, twenty minutes on two cores; no published figure."""
    return TrainScoreModelConfig(
        data=DATA,
        model=UNetConfig(base_channels=16, channel_multipliers=(1, 2, 2), num_blocks=1, channels_per_group=8),
        optimizer=OptimizerConfig(learning_rate=2e-3, schedule="one_cycle", warmup_steps=300, clip_norm=1.0),
        ema_decay=0.998,
        num_steps=2500,
        checkpoint_every_steps=500,
        output="runs/mnist/score_model",
    )


def mnist_judge() -> TrainClassifierConfig:
    """A standard WRN-10-1 that says whether a counterfactual shows its target; minutes on two cores."""
    return LINF.model_copy(
        update={
            "attack": LINF.attack.model_copy(update={"eps": 0.0}),
            "num_epochs": 1,
            "eps_warmup_epochs": 0,
            "num_validation_images": 0,
            "num_evaluation_images": 1000,
            "seed": 1,
            "output": "runs/mnist/judge",
        }
    )


def mnist_counterfactuals() -> GenerateConfig:
    """Two CEs a class of 1,000 training images by 100 evaluations each, at the paper's w and sigma_CE."""
    return GenerateConfig(
        data=DATA,
        num_sources=1000,
        neighborhood=NeighborhoodConfig(kind="boltzmann_hardtanh", sigma_ce=0.2),
        guidance_scale=15.0,
        sampler=HUNDRED_EVALUATIONS,
    )


def mnist_laptop_counterfactuals() -> GenerateConfig:
    """One CE a class of 34 training images by the small network, at the paper's w and sigma_CE; no published figure."""
    return mnist_counterfactuals().override(
        [
            "num_sources=34",
            "replicates=1",
            "shard_images=100",
            "batch_size=100",
            "pool.min_actors=2",
            "pool.max_actors=2",
            "score_model=runs/mnist/score_model/model",
            "output=runs/mnist/counterfactuals",
        ]
    )


def mnist_sat() -> TrainClassifierConfig:
    """Standard AT in Linf 0.3, the radius of Madry et al.; no figure in the documents."""
    return with_loss(LINF, "sat")


def mnist_trades() -> TrainClassifierConfig:
    """TRADES with beta 6 in Linf 0.3; no figure in the documents."""
    return with_loss(LINF, "trades")


def mnist_mart() -> TrainClassifierConfig:
    """MART with beta 6 in Linf 0.3; no figure in the documents."""
    return with_loss(LINF, "mart")


def mnist_mail_trades() -> TrainClassifierConfig:
    """MAIL-TRADES with beta 5 in Linf 0.3, uniform weights for 4 of 6 epochs; no figure in the documents."""
    return with_loss(LINF, "mail_trades")


def mnist_weat_adv() -> TrainClassifierConfig:
    """WEAT-adv with beta 6 in Linf 0.3; no figure in the documents."""
    return with_loss(LINF, "weat_adv")


def mnist_weat_nat() -> TrainClassifierConfig:
    """WEAT-nat with beta 6 in Linf 0.3; no figure in the documents."""
    return with_loss(LINF, "weat_nat")


def mnist_robustness() -> EvaluateRobustnessConfig:
    """AutoAttack's standard in Linf 0.3 on the first 1,000 test images; no figure in the documents."""
    return EvaluateRobustnessConfig(
        data=DATA,
        num_images=1000,
        norm="linf",
        eps=EPS,
        shard_images=250,
        pool=PoolConfig(min_actors=2, max_actors=2),
    )


def mnist_attacked_energies() -> ScoreEnergiesConfig:
    """S003 figures 2 and 3, S001 figures A to C, on 500 MNIST test images in Linf 0.3; no figure in the documents."""
    return ScoreEnergiesConfig(
        data=DATA,
        splits=("test",),
        num_images=500,
        attacks=energy_view("linf", EPS, STEP_SIZE),
        shard_images=125,
        pool=PoolConfig(min_actors=2, max_actors=2),
    )


def mnist_search() -> SearchConfig:
    """TRADES' eps and beta on MNIST, ranked by PGD(20) at Linf 0.3 on 1,000 images held out."""
    return SearchConfig(
        job="train_classifier",
        base=mnist_trades().model_dump(mode="json"),
        space=(
            ParameterConfig(key="attack.eps", kind="log_uniform", low=0.1, high=0.4),
            ParameterConfig(key="beta", kind="choice", values=(1.0, 3.0, 6.0)),
        ),
        scheduler="asha",
        grace=0.3,
        num_trials=8,
        output="runs/mnist-search",
    )


def mnist_detectors() -> CompareDetectorsConfig:
    """S003 T1 on MNIST in Linf 0.3, PGD and APGD of 40 steps on 2,000 test images; no figure in the documents."""
    attack = AttackConfig(norm="linf", eps=EPS, num_steps=40, step_size=0.01)
    return CompareDetectorsConfig(
        data=DATA,
        num_images=2000,
        attacks=(attack, attack.override(["kind=apgd", "step_size=null"])),
        num_reference=2000,
        shard_images=500,
    )


def mnist_classifier_images() -> GenerateFromClassifierConfig:
    """S001 A.7 on MNIST by its settings for SAT, 20 steps at momentum 0.5; no figure in the documents."""
    return GenerateFromClassifierConfig(data=DATA, num_steps=20, momentum=0.5, num_test_images=2000, shard_images=50)


def mnist_losses() -> CompareLossesConfig:
    """S001 A.3 on MNIST, Linf 0.3: six losses under three seeds; no figure in the documents."""
    return every_loss(LINF.override(["record_energies_at_epochs=[1,3,6]"]), output="runs/mnist-losses")


def mnist_subsets() -> CompareSubsetsConfig:
    """S001 A.4 on MNIST, Linf 0.3, 13% of the images cut by energy; no figure in the documents."""
    return CompareSubsetsConfig(training=LINF, output="runs/mnist-subsets")
