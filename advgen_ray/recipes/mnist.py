"""MNIST at 28x28: between the laptop and the paper; needs ``data.root`` or ``data.download=true``."""

from advgen_ray.config import (
    AttackConfig,
    DataConfig,
    GenerateConfig,
    NeighborhoodConfig,
    OptimizerConfig,
    SamplerConfig,
    TrainClassifierConfig,
    TrainScoreModelConfig,
    UNetConfig,
    WideResNetConfig,
)

DATA = DataConfig(name="mnist")


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


def mnist_counterfactuals() -> GenerateConfig:
    """Two CEs a class of 1,000 training images in 40 ancestral steps at the paper's w and sigma_CE."""
    return GenerateConfig(
        data=DATA,
        num_sources=1000,
        neighborhood=NeighborhoodConfig(kind="boltzmann_hardtanh", sigma_ce=0.2),
        guidance_scale=15.0,
        sampler=SamplerConfig(kind="ancestral", num_steps=40),
    )
