"""Frozen, validated descriptions of what a job computes and where; the only form in which settings travel."""

from advgen_ray.config.attacks import AttackConfig
from advgen_ray.config.base import Config, resolve
from advgen_ray.config.jobs import (
    GenerateConfig,
    ReportConfig,
    ScoreEnergiesConfig,
    StudyConfig,
    TrainClassifierConfig,
    TrainScoreModelConfig,
)
from advgen_ray.config.parts import (
    DataConfig,
    NeighborhoodConfig,
    OptimizerConfig,
    PoolConfig,
    SamplerConfig,
    UNetConfig,
    WideResNetConfig,
    WorkersConfig,
)

__all__ = [
    "AttackConfig",
    "Config",
    "DataConfig",
    "GenerateConfig",
    "NeighborhoodConfig",
    "OptimizerConfig",
    "PoolConfig",
    "ReportConfig",
    "SamplerConfig",
    "ScoreEnergiesConfig",
    "StudyConfig",
    "TrainClassifierConfig",
    "TrainScoreModelConfig",
    "UNetConfig",
    "WideResNetConfig",
    "WorkersConfig",
    "resolve",
]
