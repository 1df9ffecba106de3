"""The stage that evaluates detectors of one class each: checks, Ray Data map, table of AUCs, page."""

from functools import partial
from importlib.metadata import version
from typing import Any

import pandas as pd

from advgen_ray.analysis.detector_auc import detector_auc
from advgen_ray.config.one_vs_rest import EvaluateOneVsRestConfig
from advgen_ray.data.datasets import LabelledImages
from advgen_ray.distributed.actors import Map
from advgen_ray.distributed.image_sources import fetch
from advgen_ray.distributed.one_vs_rest_rows import ClassDetector, OneVsRestRows, own_and_others
from advgen_ray.distributed.pipelines import run_maps
from advgen_ray.distributed.plans import DetectorGroup, detector_groups
from advgen_ray.errors import UserError
from advgen_ray.report.one_vs_rest_page import one_vs_rest_page
from advgen_ray.report.page import Page
from advgen_ray.stages.inputs import content_digest
from advgen_ray.stages.outcome import PAGE, publish, tracked_job
from advgen_ray.storage import ResultSet
from advgen_ray.storage.filesystem import exists, join, local_copy
from advgen_ray.training.model_directory import CARD, read_card, training_ball


def run(config: EvaluateOneVsRestConfig) -> dict[str, Any]:
    """Evaluate what is missing of the set at ``config.output``, write page and summary; returns the summary.

    Raises UserError, before work starts, for missing or foreign detectors, another set in the same place or a place
    that cannot be written.
    """
    return run_with_page(config)[0]


def run_with_page(config: EvaluateOneVsRestConfig) -> tuple[dict[str, Any], Page]:
    """The same, and the page it has written."""
    detectors, groups, result_set = prepare(config)
    attacked = _map(config, detectors, groups, result_set)
    with tracked_job("one_vs_rest", config, unless_finished=result_set.finished()) as tracked:
        run_maps("one_vs_rest", [attacked], config.pool)
        rows = result_set.read(["detector", "attack", "clean_logit", "last_logit", "worst_logit"]).to_pandas()
        table = detector_auc(rows, config.seed)
        summary = _summary(config, result_set, table)
        trained_in = detectors[0].trained_in
        asked = config.model_dump(mode="json")
        page = one_vs_rest_page(table, rows, config.ladder, trained_in, asked, version("advgen_ray"))
        publish(config.output, summary, page, tracked)
        tracked.log_metrics({"lowest_auc_worst": summary["lowest_auc_worst"]})
    return summary, page


def map_of(config: EvaluateOneVsRestConfig) -> Map:
    """The set that ``prepare`` gives, and what makes its rows."""
    return _map(config, *prepare(config))


def _map(
    config: EvaluateOneVsRestConfig,
    detectors: list[ClassDetector],
    groups: list[DetectorGroup],
    result_set: ResultSet,
) -> Map:
    return Map(result_set, partial(OneVsRestRows, config, detectors, groups))


def prepare(config: EvaluateOneVsRestConfig) -> tuple[list[ClassDetector], list[DetectorGroup], ResultSet]:
    """The detectors, the plan, and the set begun or continued, with every input checked."""
    images = fetch(config.data, config.split)
    detectors = [detector_of(config.detectors, k, images) for k in _classes(config, images.info.num_classes)]
    sides = [own_and_others(images, one.class_index, config.num_images) for one in detectors]
    groups = detector_groups(
        [len(own) for own, _ in sides], [len(others) for _, others in sides], len(config.attacks), config.shard_images
    )
    result_set = ResultSet.create(
        config.output,
        kind="detector_logits",
        config=config.content(),
        inputs={
            "detectors": {str(one.class_index): one.digest for one in detectors},
            "images": content_digest(images),
        },
        num_shards=len(groups),
    )
    return detectors, groups, result_set


def _classes(config: EvaluateOneVsRestConfig, num_classes: int) -> list[int]:
    """Those asked for, else those whose detectors are there."""
    if config.classes is not None:
        return list(config.classes)
    found = [k for k in range(num_classes) if exists(join(_place(config.detectors, k), CARD))]
    if not found:
        raise UserError(
            f"detectors={config.detectors}: none in it; make them with train_one_vs_rest, or give its output"
        )
    return found


def detector_of(detectors: str, class_index: int, images: LabelledImages) -> ClassDetector:
    """The detector of a class, from ``train_one_vs_rest``; raises UserError where it is none for these images."""
    uri = _place(detectors, class_index)
    card = read_card(local_copy(uri))
    training = card.get("training", {})
    if training.get("class_index") != class_index or card["architecture"].get("num_classes") != 1:
        raise UserError(f"{uri}: holds no detector of class {class_index}; give the output of train_one_vs_rest")
    if card.get("data", {}).get("name") != images.name:
        raise UserError(f"{uri}: trained on {card.get('data', {}).get('name')}, but data.name is {images.name}")
    if not (images.labels == class_index).any():
        raise UserError(f"{images.name}: no image of class {class_index} in its {images.split} split")
    return ClassDetector(class_index, uri, str(card["weights_sha256"]), training_ball(card))


def _place(detectors: str, class_index: int) -> str:
    return join(detectors, f"class-{class_index}", "model")


def _summary(config: EvaluateOneVsRestConfig, result_set: ResultSet, table: pd.DataFrame) -> dict[str, Any]:
    rounded = table.round(6).to_dict("records")
    return {
        "output": config.output,
        "report": join(config.output, PAGE),
        "identity": result_set.identity,
        "lowest_auc_worst": round(float(table["auc_worst"].min()), 6),
        "lowest_auc_last": round(float(table["auc_last"].min()), 6),
        "detectors": [{str(name): value for name, value in row.items()} for row in rounded],
        "seconds": result_set.seconds,
    }
