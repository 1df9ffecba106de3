"""The jobs that a search may run, and what their trials are measured by."""

from advgen_ray.config.base import Config
from advgen_ray.config.binary import TrainBinaryConfig, TrainOneVsRestConfig
from advgen_ray.config.calibration import CalibrateClassifierConfig
from advgen_ray.config.classifier_images import GenerateFromClassifierConfig
from advgen_ray.config.counterfactuals import GenerateByClassifierConfig, GenerateConfig
from advgen_ray.config.detectors import CompareDetectorsConfig
from advgen_ray.config.distance_classifier import ClassifyByDistanceConfig
from advgen_ray.config.distortion import MeasureDistortionConfig
from advgen_ray.config.evaluation import EvaluateRobustnessConfig
from advgen_ray.config.explanation import ExplainPredictionsConfig
from advgen_ray.config.gradient_alignment import AlignGradientsConfig
from advgen_ray.config.jobs import ScoreEnergiesConfig, TrainClassifierConfig, TrainScoreModelConfig
from advgen_ray.config.one_vs_rest import EvaluateDetectionConfig, EvaluateOneVsRestConfig
from advgen_ray.config.ood import EvaluateOODConfig
from advgen_ray.config.restoration import RestoreImagesConfig
from advgen_ray.config.robustness_comparison import CompareRobustnessConfig
from advgen_ray.config.synthesis import SynthesizeConfig

# What computes something that may be better or worse, by the name of its program.
SEARCHABLE: dict[str, type[Config]] = {
    "train_classifier": TrainClassifierConfig,
    "train_score_model": TrainScoreModelConfig,
    "train_binary": TrainBinaryConfig,
    "train_one_vs_rest": TrainOneVsRestConfig,
    "generate_counterfactuals": GenerateConfig,
    "generate_counterfactuals_by_classifier": GenerateByClassifierConfig,
    "classify_by_distance": ClassifyByDistanceConfig,
    "align_gradients": AlignGradientsConfig,
    "score_energies": ScoreEnergiesConfig,
    "evaluate_robustness": EvaluateRobustnessConfig,
    "evaluate_one_vs_rest": EvaluateOneVsRestConfig,
    "evaluate_detection": EvaluateDetectionConfig,
    "evaluate_ood": EvaluateOODConfig,
    "measure_distortion": MeasureDistortionConfig,
    "compare_detectors": CompareDetectorsConfig,
    "calibrate_classifier": CalibrateClassifierConfig,
    "compare_robustness": CompareRobustnessConfig,
    "generate_from_classifier": GenerateFromClassifierConfig,
    "synthesize": SynthesizeConfig,
    "restore_images": RestoreImagesConfig,
    "explain_predictions": ExplainPredictionsConfig,
}
# What a trial of these is measured by, all of which it tells; of the others any number of the summary that the job
# prints may be an objective.
VALIDATION = ("validation_pgd_accuracy", "validation_clean_accuracy")
JUDGED = (
    "count", "num_sources", "validity", "validity_low", "validity_high",
    *(f"{name}_{what}" for name in ("l2", "l1", "linf", "l0") for what in ("mean", "se", "q25", "median", "q75")),
    "seconds_per_ce",
)  # fmt: skip
METRICS: dict[str, tuple[str, ...]] = {
    "train_classifier": VALIDATION,
    "train_score_model": ("loss",),
    "generate_counterfactuals": (*JUDGED, "network_evaluations"),
    "generate_counterfactuals_by_classifier": JUDGED,
}
GENERATIONS = ("generate_counterfactuals", "generate_counterfactuals_by_classifier")
TRAININGS = ("train_classifier", "train_score_model")  # tell on the way how good they are
