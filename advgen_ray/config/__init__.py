"""Frozen, validated descriptions of what a job computes and where; the only form in which settings travel."""

from advgen_ray.config.attacks import AttackConfig
from advgen_ray.config.base import Config, resolve
from advgen_ray.config.binary import TrainBinaryConfig, TrainOneVsRestConfig
from advgen_ray.config.binary_simulation import MaximinConfig, MinimaxConfig, SimulateBinaryTrainingConfig
from advgen_ray.config.calibration import CalibrateClassifierConfig
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
from advgen_ray.config.distortion import MeasureDistortionConfig
from advgen_ray.config.evaluation import EvaluateRobustnessConfig
from advgen_ray.config.explanation import ExplainPredictionsConfig
from advgen_ray.config.explorer import ExploreCounterfactualsConfig
from advgen_ray.config.jobs import (
    OutliersConfig,
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
from advgen_ray.config.ood import (
    EvaluateOODConfig,
    OODAttackConfig,
    OODDetectorConfig,
    OODSetConfig,
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
from advgen_ray.config.reproduction import ReproduceConfig
from advgen_ray.config.restoration import (
    AddedNoiseConfig,
    OcclusionConfig,
    RestorationAscentConfig,
    RestoreImagesConfig,
)
from advgen_ray.config.robustness_comparison import AttackSuiteConfig, CompareRobustnessConfig
from advgen_ray.config.samplers import FORTY_EVALUATIONS, HUNDRED_EVALUATIONS, PAPER, SamplerConfig
from advgen_ray.config.search import ObjectiveConfig, SearchConfig
from advgen_ray.config.service import CheckServiceConfig
from advgen_ray.config.space import ParameterConfig
from advgen_ray.config.study import BinaryViewConfig, ClassifierViewConfig, EnergyViewConfig, ReportConfig, StudyConfig
from advgen_ray.config.synthesis import LogitAscentConfig, SynthesizeConfig

__all__ = [
    "FORTY_EVALUATIONS",
    "HUNDRED_EVALUATIONS",
    "PAPER",
    "AddedNoiseConfig",
    "AscentConfig",
    "AttackConfig",
    "AttackSuiteConfig",
    "BinaryViewConfig",
    "CalibrateClassifierConfig",
    "CheckServiceConfig",
    "ClassifierViewConfig",
    "CompareDetectorsConfig",
    "CompareLossesConfig",
    "CompareRobustnessConfig",
    "CompareSubsetsConfig",
    "Config",
    "CounterfactualsConfig",
    "DVCEConfig",
    "DataConfig",
    "DetectionAttackConfig",
    "DiscriminatorConfig",
    "EnergyViewConfig",
    "EvaluateDetectionConfig",
    "EvaluateOODConfig",
    "EvaluateOneVsRestConfig",
    "EvaluateRobustnessConfig",
    "ExplainPredictionsConfig",
    "ExploreCounterfactualsConfig",
    "GenerateByClassifierConfig",
    "GenerateConfig",
    "GenerateFromClassifierConfig",
    "LogitAscentConfig",
    "LogitAttackConfig",
    "LossConfig",
    "MakeRatingPageConfig",
    "MaximinConfig",
    "MeasureDistortionConfig",
    "MinimaxConfig",
    "NeighborhoodConfig",
    "OODAttackConfig",
    "OODDetectorConfig",
    "OODSetConfig",
    "ObjectiveConfig",
    "OcclusionConfig",
    "OptimizerConfig",
    "OutliersConfig",
    "ParameterConfig",
    "PoolConfig",
    "PreActResNetConfig",
    "ReadRatingsConfig",
    "ReportConfig",
    "ReproduceConfig",
    "ResNetConfig",
    "RestorationAscentConfig",
    "RestoreImagesConfig",
    "SamplerConfig",
    "ScoreEnergiesConfig",
    "SearchConfig",
    "SimulateBinaryTrainingConfig",
    "StudyConfig",
    "SynthesizeConfig",
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
