"""Frozen, validated descriptions of what a job computes and where; the only form in which settings travel."""

from advgen_ray.config.attacks import AttackConfig
from advgen_ray.config.base import Config, resolve
from advgen_ray.config.binary import TrainBinaryConfig, TrainOneVsRestConfig
from advgen_ray.config.binary_simulation import MaximinConfig, MinimaxConfig, SimulateBinaryTrainingConfig
from advgen_ray.config.classifier_images import GenerateFromClassifierConfig
from advgen_ray.config.comparisons import CompareLossesConfig, CompareSubsetsConfig, LossConfig
from advgen_ray.config.counterfactuals import (
    AscentConfig,
    CounterfactualsConfig,
    DVCEConfig,
    GenerateByClassifierConfig,
    GenerateConfig,
)
from advgen_ray.config.detectors import CompareDetectorsConfig
from advgen_ray.config.evaluation import EvaluateRobustnessConfig
from advgen_ray.config.explorer import ExploreCounterfactualsConfig
from advgen_ray.config.jobs import (
    ScoreEnergiesConfig,
    TrainClassifierConfig,
    TrainScoreModelConfig,
    ValidateConfig,
)
from advgen_ray.config.models import (
    DiscriminatorConfig,
    PreActResNetConfig,
    ResNetConfig,
    TwoConvConfig,
    WideResNetConfig,
)
from advgen_ray.config.one_vs_rest import (
    DetectionAttackConfig,
    EvaluateDetectionConfig,
    EvaluateOneVsRestConfig,
    LogitAttackConfig,
)
from advgen_ray.config.parts import (
    DataConfig,
    NeighborhoodConfig,
    OptimizerConfig,
    PoolConfig,
    UNetConfig,
    WorkersConfig,
)
from advgen_ray.config.ratings import MakeRatingPageConfig, ReadRatingsConfig
from advgen_ray.config.samplers import FORTY_EVALUATIONS, HUNDRED_EVALUATIONS, PAPER, SamplerConfig
from advgen_ray.config.search import ObjectiveConfig, SearchConfig
from advgen_ray.config.space import ParameterConfig
from advgen_ray.config.study import ClassifierViewConfig, EnergyViewConfig, ReportConfig, StudyConfig

__all__ = [
    "FORTY_EVALUATIONS",
    "HUNDRED_EVALUATIONS",
    "PAPER",
    "AscentConfig",
    "AttackConfig",
    "ClassifierViewConfig",
    "CompareDetectorsConfig",
    "CompareLossesConfig",
    "CompareSubsetsConfig",
    "Config",
    "CounterfactualsConfig",
    "DVCEConfig",
    "DataConfig",
    "DetectionAttackConfig",
    "DiscriminatorConfig",
    "EnergyViewConfig",
    "EvaluateDetectionConfig",
    "EvaluateOneVsRestConfig",
    "EvaluateRobustnessConfig",
    "ExploreCounterfactualsConfig",
    "GenerateByClassifierConfig",
    "GenerateConfig",
    "GenerateFromClassifierConfig",
    "LogitAttackConfig",
    "LossConfig",
    "MakeRatingPageConfig",
    "MaximinConfig",
    "MinimaxConfig",
    "NeighborhoodConfig",
    "ObjectiveConfig",
    "OptimizerConfig",
    "ParameterConfig",
    "PoolConfig",
    "PreActResNetConfig",
    "ReadRatingsConfig",
    "ReportConfig",
    "ResNetConfig",
    "SamplerConfig",
    "ScoreEnergiesConfig",
    "SearchConfig",
    "SimulateBinaryTrainingConfig",
    "StudyConfig",
    "TrainBinaryConfig",
    "TrainClassifierConfig",
    "TrainOneVsRestConfig",
    "TrainScoreModelConfig",
    "TwoConvConfig",
    "UNetConfig",
    "ValidateConfig",
    "WideResNetConfig",
    "WorkersConfig",
    "resolve",
]
