"""The columns of each kind of result set."""

from advgen_ray.storage.schemas.classifiers import CLASSIFIER_IMAGES, ENERGIES, INPUT_GRADIENTS, ROBUSTNESS
from advgen_ray.storage.schemas.counterfactuals import COUNTERFACTUALS, GRADIENT_ALIGNMENT
from advgen_ray.storage.schemas.detection import CLASS_DETECTIONS, DETECTIONS, DETECTOR_LOGITS
from advgen_ray.storage.schemas.explanation import EXPLANATIONS
from advgen_ray.storage.schemas.images import ImageShape, column_to_images, images_to_column
from advgen_ray.storage.schemas.restoration import RESTORATIONS

__all__ = [
    "CLASSIFIER_IMAGES",
    "CLASS_DETECTIONS",
    "COUNTERFACTUALS",
    "DETECTIONS",
    "DETECTOR_LOGITS",
    "ENERGIES",
    "EXPLANATIONS",
    "GRADIENT_ALIGNMENT",
    "INPUT_GRADIENTS",
    "RESTORATIONS",
    "ROBUSTNESS",
    "SCHEMAS",
    "ImageShape",
    "column_to_images",
    "images_to_column",
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
    "restorations": RESTORATIONS,
    "explanations": EXPLANATIONS,
}
