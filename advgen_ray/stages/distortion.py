"""The stage that measures least distortion: checks, Ray Data map, table of distances, page."""

from functools import partial
from importlib.metadata import version
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from advgen_ray.analysis.distortion import DISSERTATION, NEAREST, distances, nearest_rows, table
from advgen_ray.config.distortion import MeasureDistortionConfig
from advgen_ray.data.datasets import LabelledImages
from advgen_ray.distributed.distortion_rows import DistortionRows, diagonal_of, distortion_groups
from advgen_ray.distributed.one_vs_rest_rows import ClassDetector
from advgen_ray.distributed.pipelines import run_map
from advgen_ray.errors import UserError
from advgen_ray.report.distortion_page import Distortions, distortion_page
from advgen_ray.stages.inputs import content_digest, load_classifier, load_images
from advgen_ray.stages.one_vs_rest_evaluation import detector_of
from advgen_ray.stages.outcome import PAGE, publish, rounded, tracked_job
from advgen_ray.storage import ResultSet
from advgen_ray.storage.filesystem import join
from advgen_ray.storage.schemas import column_to_images

NUMBERS = ["method", "search", "image_id", "label", "target_rank", "target", "threshold", "found", "distortion"]


def run(config: MeasureDistortionConfig) -> dict[str, Any]:
    """Search what is missing of the set at ``config.output``, write page and summary; returns the summary.

    Raises UserError, before work starts, for a missing or foreign classifier or detector, too many images or targets,
    another set in the same place or a place that cannot be written.
    """
    images, classifier, detectors, result_set = prepare(config)
    with tracked_job("distortion", config, unless_finished=result_set.finished()) as tracked:
        run_map("distortion", result_set, partial(DistortionRows, config, classifier, detectors), config.pool)
        rows = result_set.read(NUMBERS).to_pandas()
        found = table(rows, diagonal_of(images.info.image_shape))
        summary = _summary(config, result_set, rows, found)
        results = Distortions(found, distances(rows), *_pictures(config, images, result_set))
        page = distortion_page(results, config.model_dump(mode="json"), summary["thresholds"], version("advgen_ray"))
        publish(config.output, summary, page, tracked)
        tracked.log_metrics({name: value for name, value in summary.items() if name.endswith(("_mean", "_found"))})
    return summary


def prepare(config: MeasureDistortionConfig) -> tuple[LabelledImages, str, list[ClassDetector], ResultSet]:
    """The images, the classifier's digest or none, the detectors, and the set begun or continued, all checked."""
    wanted = max(config.num_images, config.num_natural or 0)
    key = "num_images" if wanted == config.num_images else "num_natural"
    images = load_images(config.data, config.split, wanted, key)
    num_classes = images.info.num_classes
    if config.num_targets >= num_classes:
        raise UserError(
            f"num_targets={config.num_targets}: an image of {config.data.name} has {num_classes - 1} other classes; "
            "lower it, or give 0 for whichever is nearest"
        )
    classifier = load_classifier(config.classifier, config.data).digest if config.classifier else ""
    detectors = [detector_of(config.detectors, k, images) for k in range(num_classes)]
    result_set = ResultSet.create(
        config.output,
        kind="distortions",
        config=config.content(),
        inputs={
            "classifier": classifier,
            "detectors": {str(one.class_index): one.digest for one in detectors},
            "images": content_digest(images, None if config.num_natural is None else wanted),
        },
        num_shards=len(distortion_groups(config)),
        image_shape=images.info.image_shape,
    )
    return images, classifier, detectors, result_set


def _summary(
    config: MeasureDistortionConfig, result_set: ResultSet, rows: pd.DataFrame, found: pd.DataFrame
) -> dict[str, Any]:
    def of(method: str, search: str, key: str) -> float | None:
        row = found[(found["method"] == method) & (found["search"] == search)].iloc[0]
        return rounded(row[key])

    headline: dict[str, float | None] = {}
    for method in config.methods:
        headline |= {
            f"{method}_mean": of(method, NEAREST, "mean"),
            f"{method}_found": of(method, NEAREST, "found"),
            f"{method}_dissertation_mean": of(method, DISSERTATION, "mean"),
            f"{method}_dissertation_found": of(method, DISSERTATION, "found"),
        }
    return {
        "output": config.output,
        "report": join(config.output, PAGE),
        "identity": result_set.identity,
        "count": config.num_images,
        **{name: value for name, value in headline.items() if value is not None},
        "thresholds": {str(k): round(float(v), 6) for k, v in rows.groupby("method")["threshold"].first().items()},
        "searches": [
            {str(key): rounded(value) if isinstance(value, float) else value for key, value in row.items()}
            for row in found.to_dict("records")
        ],
        "seconds": result_set.seconds,
    }


def _pictures(
    config: MeasureDistortionConfig, images: LabelledImages, result_set: ResultSet
) -> tuple[np.ndarray, dict[str, np.ndarray], list[str]]:
    """The first image of each class towards its first target: as it is, at its nearest by method, what it became."""
    first = images.first(config.num_images)
    places = [int(np.flatnonzero(first.labels == k)[0]) for k in sorted(set(first.labels.tolist()))]
    ids = first.item_ids(places)
    rows = nearest_rows(result_set.read([*NUMBERS, "predicted", "x_adv"]).to_pandas())
    shown = rows[(rows["target_rank"] == 0) & rows["image_id"].isin(ids)].set_index(["method", "image_id"])
    attacked: dict[str, np.ndarray] = {
        method: column_to_images(pa.array([shown.loc[(method, one), "x_adv"] for one in ids]), images.info.image_shape)
        for method in config.methods
    }
    names, method = images.info.class_names, config.methods[0]
    column = "target" if config.num_targets else "predicted"
    targets = [int(one) for one in shown.loc[method].loc[ids, column]]
    words = [f"{names[first.labels[place]]}→{names[target]}" for place, target in zip(places, targets, strict=True)]
    return first.tensor(places).numpy(), attacked, words
