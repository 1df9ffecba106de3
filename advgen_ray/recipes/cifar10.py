"""CIFAR-10 at paper scale: S000 sections 6 and 7, table 1."""

from advgen_ray.config import (
    AttackConfig,
    DataConfig,
    GenerateConfig,
    NeighborhoodConfig,
    OptimizerConfig,
    PoolConfig,
    SamplerConfig,
    ScoreEnergiesConfig,
    StudyConfig,
    TrainClassifierConfig,
    TrainScoreModelConfig,
    UNetConfig,
    WideResNetConfig,
    WorkersConfig,
)

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


def cifar10_counterfactuals() -> GenerateConfig:
    """S000's set of 200,000: w 15, sigma_CE 0.2, Boltzmann, 1000 Euler-Maruyama steps, 10,000 sources."""
    return GenerateConfig(
        data=DATA,
        num_sources=10_000,
        neighborhood=NeighborhoodConfig(kind="boltzmann_hardtanh", sigma_ce=0.2),
        guidance_scale=15.0,
        sampler=SamplerConfig(kind="euler_maruyama", num_steps=1000),
        batch_size=512,
        shard_images=1000,
        pool=PoolConfig(min_actors=1, max_actors=8, cpus_per_actor=4),
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
    """S000 whole: the eps of T1, 200,000 CEs, figures 2 to 4; fig 3 reports r^2 = 0.39."""
    return StudyConfig(
        data=DATA,
        classifier=cifar10_classifier(),
        eps=(0.0, 0.1, 0.5, 1.0, 1.5, 2.0),
        score_model=cifar10_score_model(),
        counterfactuals=cifar10_counterfactuals(),
        variant_sources=1000,
        held_out_sources=1000,
        energies=cifar10_energies(),
        output="runs/cifar10",
    )
