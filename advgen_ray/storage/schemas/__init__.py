"""The columns of each kind of result set."""

from advgen_ray.storage.schemas.classifiers import CLASSIFIER_IMAGES, ENERGIES, INPUT_GRADIENTS, ROBUSTNESS
from advgen_ray.storage.schemas.counterfactuals import COUNTERFACTUALS, GRADIENT_ALIGNMENT
from advgen_ray.storage.schemas.detection import CLASS_DETECTIONS, DETECTIONS, DETECTOR_LOGITS, DISTORTIONS, OOD_SCORES
from advgen_ray.storage.schemas.explanation import EXPLANATIONS
from advgen_ray.storage.schemas.images import ImageShape, column_to_images, images_to_column
from advgen_ray.storage.schemas.restoration import RESTORATIONS
from advgen_ray.storage.schemas.synthesis import IMAGE_FEATURES, INTERPOLATIONS, SYNTHESIS
from advgen_ray.storage.schemas.tables import typed_table

__all__ = [
    "CLASSIFIER_IMAGES",
    "CLASS_DETECTIONS",
    "COUNTERFACTUALS",
    "DETECTIONS",
    "DETECTOR_LOGITS",
    "DISTORTIONS",
    "ENERGIES",
    "EXPLANATIONS",
    "GRADIENT_ALIGNMENT",
    "IMAGE_FEATURES",
    "INPUT_GRADIENTS",
    "INTERPOLATIONS",
    "OOD_SCORES",
    "RESTORATIONS",
    "ROBUSTNESS",
    "SCHEMAS",
    "SYNTHESIS",
    "ImageShape",
    "column_to_images",
    "images_to_column",
    "typed_table",
]

SCHEMAS = {
    "counterfactuals": COUNTERFACTUALS,
    "energies": ENERGIES,
    "robustness": ROBUSTNESS,
    "detections": DETECTIONS,
    "classifier_images": CLASSIFIER_IMAGES,
    "input_gradients": INPUT_GRADIENTS,
    "gradient_alignment": GRADIENT_ALIGNMENT,
    "detector_logits": DETECTOR_LOGITS,
    "class_detections": CLASS_DETECTIONS,
    "ood_scores": OOD_SCORES,
    "synthesis": SYNTHESIS,
    "interpolations": INTERPOLATIONS,
    "image_features": IMAGE_FEATURES,
    "distortions": DISTORTIONS,
    "restorations": RESTORATIONS,
    "explanations": EXPLANATIONS,
}
