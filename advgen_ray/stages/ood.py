"""The stage that evaluates OOD detection: checks, Ray Data map, metrics with intervals, page."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from importlib.metadata import version
from typing import Any

import pyarrow.compute as pc

from advgen_ray.analysis.ood import CASES, IN, mean_auroc, ood_table, unseen_sets
from advgen_ray.config.ood import EvaluateOODConfig
from advgen_ray.data.datasets import LabelledImages
from advgen_ray.distributed.image_sources import fetch
from advgen_ray.distributed.ood_rows import (
    Group,
    OODRows,
    groups_of,
    images_to_fit,
    in_distribution,
    out_of_distribution,
)
from advgen_ray.distributed.pipelines import run_map
from advgen_ray.errors import UserError
from advgen_ray.report.ood_page import OODResults, Picture, ood_page
from advgen_ray.stages.detector_inputs import check_every_class
from advgen_ray.stages.inputs import content_digest
from advgen_ray.stages.ood_detectors import Checked, check_detector
from advgen_ray.stages.outcome import PAGE, publish, tracked_job
from advgen_ray.storage import ResultSet
from advgen_ray.storage.filesystem import join
from advgen_ray.storage.schemas import column_to_images

NUM_SHOWN = 8  # pictures of each detector
COLUMNS = ["detector", "image_set", "clean_score", "worst_score", "worst_from"]


@dataclass(frozen=True)
class Prepared:
    """The set begun or continued, and what was found on the way."""

    result_set: ResultSet
    detectors: Sequence[Checked]
    groups: Sequence[Group]
    sets: Mapping[str, LabelledImages]  # by name, "in" first
    skipped: Mapping[str, str]  # sets that cannot be read, and why


def run(config: EvaluateOODConfig) -> dict[str, Any]:
    """Evaluate what is missing of the set at ``config.output``, write page and summary; returns the summary.

    Raises UserError, before work starts, for a missing or foreign model, a score that it does not have, a set that
    cannot be read unless ``skip_missing``, another result set in the same place or a place that cannot be written.
    """
    prepared = prepare(config)
    result_set = prepared.result_set
    with tracked_job("ood", config, unless_finished=result_set.finished()) as tracked:
        detectors = [one.detector for one in prepared.detectors]
        run_map("ood", result_set, partial(OODRows, config, detectors, prepared.groups), config.pool)
        rows = result_set.read(COLUMNS).to_pandas()
        table = ood_table(rows, config.seed)
        trained_on = {one.detector.name: one.trained_on for one in prepared.detectors}
        results = OODResults(
            table,
            rows,
            _most_harmless(result_set),
            trained_on,
            prepared.skipped,
            min(prepared.sets[IN].info.image_shape[1:]),
        )
        summary = _summary(config, results, result_set)
        page = ood_page(results, config.model_dump(mode="json"), version("advgen_ray"))
        publish(config.output, summary, page, tracked)
        tracked.log_metrics(
            {f"{row['detector']}/{row['image_set']}/{row['case']}_auroc": row["auroc"] for row in summary["results"]}
        )
    return summary


def prepare(config: EvaluateOODConfig) -> Prepared:
    """The set begun or continued, every input checked."""
    detectors = [check_detector(one, config) for one in config.detectors]
    sets, skipped = {IN: in_distribution(config, fetch)}, {}
    for one in config.sets:
        try:
            sets[one.name] = out_of_distribution(config, one, fetch)
        except UserError as error:
            if not config.skip_missing:
                raise UserError(
                    f"sets: {one.name!r}: {error}; leave it out, or report it as missing: skip_missing=true"
                ) from None
            skipped[one.name] = str(error)
    if len(sets) == 1:
        raise UserError(f"sets: none can be read, the first is {config.sets[0].name!r}: {skipped[config.sets[0].name]}")
    fitted = any(one.detection_score == "mahalanobis" for one in config.detectors)
    if fitted:
        check_every_class(images_to_fit(config, fetch), "num_fit_images")
    groups = groups_of(len(detectors), {name: len(images) for name, images in sets.items()}, config.shard_images)
    result_set = ResultSet.create(
        config.output,
        kind="ood_scores",
        config=config.content(),
        inputs={
            "detectors": {one.detector.name: one.detector.digest for one in detectors},
            "images": {name: content_digest(images) for name, images in sets.items()},
            "train": content_digest(fetch(config.data, "train")) if fitted else "",
        },
        num_shards=len(groups),
        image_shape=sets[IN].info.image_shape,
    )
    return Prepared(result_set, detectors, groups, sets, skipped)


def _most_harmless(result_set: ResultSet) -> dict[str, list[Picture]]:
    """Of each detector the OOD images of lowest score, as attacked; one shard in memory at a time."""
    found: dict[str, list[tuple[float, str, Picture]]] = {}
    assert result_set.image_shape
    for table in result_set.tables(["item_id", "detector", "image_set", "worst_score", "x_worst"]):
        out = table.filter(pc.not_equal(table["image_set"], IN))
        lowest = out.take(pc.sort_indices(out["worst_score"])[:NUM_SHOWN])
        if len(lowest) == 0:
            continue
        images = column_to_images(lowest["x_worst"], result_set.image_shape)
        for row, image in zip(lowest.drop_columns("x_worst").to_pylist(), images, strict=True):
            picture = Picture(image, row["image_set"], row["worst_score"])
            kept = found.setdefault(row["detector"], [])
            kept.append((row["worst_score"], row["item_id"], picture))
            kept.sort(key=lambda one: one[:2])
            del kept[NUM_SHOWN:]
    return {detector: [picture for *_, picture in kept] for detector, kept in found.items()}


def _summary(config: EvaluateOODConfig, results: OODResults, result_set: ResultSet) -> dict[str, Any]:
    table, sets = results.table, unseen_sets(results.table, results.trained_on)
    means = {case: mean_auroc(table, case, sets) for case in CASES}
    rows: list[dict[str, Any]] = table.to_dict("records")  # type: ignore[assignment]
    return {
        "output": config.output,
        "report": join(config.output, PAGE),
        "identity": result_set.identity,
        "positive_class": "out of distribution",
        "skipped": dict(results.skipped),
        "means_over": sets,
        **{f"{case}_auroc/{name}": round(value, 6) for case in CASES for name, value in means[case].items()},
        "results": [
            {
                **{key: round(value, 6) if isinstance(value, float) else value for key, value in row.items()},
                "trained_on": row["image_set"] in results.trained_on[row["detector"]],
            }
            for row in rows
        ],
        "seconds": result_set.seconds,
    }
