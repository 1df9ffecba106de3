"""The stage that evaluates detection under attack: checks, Ray Data map, rates, page."""

from functools import partial
from importlib.metadata import version
from typing import Any

from advgen_ray.analysis.class_detection import WORST, curves, table
from advgen_ray.config.attacks import check_classes
from advgen_ray.config.one_vs_rest import EvaluateDetectionConfig
from advgen_ray.data.datasets import LabelledImages
from advgen_ray.data.subsets import reference_images
from advgen_ray.detection.mc_dropout import has_dropout
from advgen_ray.distributed.class_detection_rows import ClassDetectionRows, detection_attacks, shards_of_view
from advgen_ray.distributed.one_vs_rest_rows import ClassDetector
from advgen_ray.distributed.pipelines import run_map
from advgen_ray.errors import UserError
from advgen_ray.report.class_detection_page import class_detection_page
from advgen_ray.stages.detector_inputs import check_fit
from advgen_ray.stages.inputs import content_digest, load_classifier, load_images
from advgen_ray.stages.one_vs_rest_evaluation import detector_of
from advgen_ray.stages.outcome import PAGE, publish, tracked_job
from advgen_ray.storage import ResultSet
from advgen_ray.storage.filesystem import join
from advgen_ray.training.model_directory import LoadedModel

NUMBERS = [
    "detector", "attack", "knows", "image_id", "label", "predicted", "predicted_logit", "chosen", "chosen_logit",
]  # fmt: skip


def run(config: EvaluateDetectionConfig) -> dict[str, Any]:
    """Evaluate what is missing of the set at ``config.output``, write page and summary; returns the summary.

    Raises UserError, before work starts, for a missing or foreign classifier or detector, too many images, another set
    in the same place or a place that cannot be written.
    """
    classifier, detectors, result_set = prepare(config)
    with tracked_job("detection", config, unless_finished=result_set.finished()) as tracked:
        run_map("detection", result_set, partial(ClassDetectionRows, config, classifier.digest, detectors), config.pool)
        rows = result_set.read(NUMBERS).to_pandas()
        found = table(rows)
        worst = {row["method"]: row for row in found[found["attack"] == WORST].to_dict("records")}
        summary: dict[str, Any] = {
            "output": config.output,
            "report": join(config.output, PAGE),
            "identity": result_set.identity,
            "count": config.num_images,
            **{f"{method}_fpr_at_tpr_95": round(row["fpr_at_tpr_95"], 6) for method, row in worst.items()},
            "attacks": found.round(6).to_dict("records"),
            "seconds": result_set.seconds,
        }
        names = {"kd_bu": "KD+BU" if has_dropout(classifier.model) else "KD", "lid": "LID"}
        page = class_detection_page(found, curves(rows), names, config.model_dump(mode="json"), version("advgen_ray"))
        publish(config.output, summary, page, tracked)
        tracked.log_metrics({name: value for name, value in summary.items() if name.endswith("_95")})
    return summary


def prepare(config: EvaluateDetectionConfig) -> tuple[LoadedModel, list[ClassDetector], ResultSet]:
    """The classifier, a detector for every class, and the set begun or continued; every input checked."""
    images = load_images(config.data, config.split, config.num_images, "num_images")
    if config.fitted.kinds:
        check_classes((config.fitted.attack,), images.info.num_classes, "fitted.attack")
    classifier = load_classifier(config.classifier, config.data)
    fitted_on = _check_fitted(config, images, classifier) if config.fitted.kinds else {}
    detectors = [detector_of(config.detectors, k, images) for k in range(images.info.num_classes)]
    result_set = ResultSet.create(
        config.output,
        kind="class_detections",
        config=config.content(),
        inputs={
            "classifier": classifier.digest,
            "detectors": {str(one.class_index): one.digest for one in detectors},
            "images": content_digest(images, config.num_images),
            **fitted_on,
        },
        num_shards=(1 + len(detection_attacks(config))) * shards_of_view(config),
    )
    return classifier, detectors, result_set


def _check_fitted(config: EvaluateDetectionConfig, images: LabelledImages, classifier: LoadedModel) -> dict[str, str]:
    """Digests of what the other detectors are fitted on; raises UserError where it does not do."""
    fitted = config.fitted
    needed = config.num_images + fitted.num_images
    if needed > len(images):
        raise UserError(
            f"fitted.num_images={fitted.num_images}: with num_images={config.num_images} that is {needed}, the "
            f"{config.split} split of {config.data.name} has {len(images)}; lower one of them"
        )
    train = load_images(config.data, "train", fitted.num_reference, "fitted.num_reference")
    reference = reference_images(train, fitted.num_reference)
    check_fit(fitted.kinds, fitted.layers, (config.classifier, classifier.model), reference, "fitted.")
    held_out = images.subset(slice(config.num_images, needed))
    return {"held_out": content_digest(held_out), "reference": content_digest(reference)}
