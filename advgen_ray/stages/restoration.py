"""The stage that restores degraded images: checks, Ray Data map, choice of strength, page."""

from functools import partial
from importlib.metadata import version
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from advgen_ray.analysis.restoration import DEGRADED, MEASURES, AtBest, at_chosen_strength, by_strength, mean_gain
from advgen_ray.config.restoration import RestoreImagesConfig
from advgen_ray.distributed.actors import Map
from advgen_ray.distributed.pipelines import run_maps
from advgen_ray.distributed.restoration_rows import HELD, RestorationRows, parts_of
from advgen_ray.errors import UserError
from advgen_ray.report.restoration_page import Restorations, restoration_page
from advgen_ray.stages.inputs import content_digest, load_any_model, load_images, rows_of_images, unique_names
from advgen_ray.stages.outcome import PAGE, publish, rounded, tracked_job
from advgen_ray.storage import ResultSet
from advgen_ray.storage.filesystem import join
from advgen_ray.storage.schemas import column_to_images

NUM_SHOWN, NUM_LISTED = 8, 10  # images pictured, and those whose SSIM is printed one by one
NUMBERS = ["degradation", "method", "strength", "half", "image_id", "ssim", "psnr"]
PICTURED = ["degradation", "method", "strength", "image_id", "x_restored"]


def run(config: RestoreImagesConfig) -> dict[str, Any]:
    """Restore what is missing of the set at ``config.output``, write page and summary; returns the summary.

    Raises UserError, before work starts, for a missing or foreign model, too many images, another set in the same place
    or a place that cannot be written.
    """
    restorations = map_of(config)
    result_set = restorations.result_set
    with tracked_job("restoration", config, unless_finished=result_set.finished()) as tracked:
        run_maps("restoration", [restorations], config.pool)
        rows = result_set.read(NUMBERS).to_pandas()
        chosen = at_chosen_strength(rows)
        models = list(result_set.plan["inputs"]["models"])
        by_models, restored = (
            [one for one in found if one.method.removesuffix(HELD) in models]
            for found in (chosen, at_chosen_strength(rows, may_leave_alone=False))
        )
        gains = {
            f"mean_{measure}_gain{end}": value
            for measure in MEASURES
            for end, value in zip(("", "_low", "_high"), mean_gain(by_models, measure), strict=True)
        }
        summary: dict[str, Any] = {
            "output": config.output,
            "report": join(config.output, PAGE),
            "identity": result_set.identity,
            **{name: rounded(value) for name, value in gains.items()},
            "chosen": [_rounded(one) for one in chosen],
            "restored": [_rounded(one) for one in restored],  # by models, that may not leave an image as it is
            "seconds": result_set.seconds,
        }
        results = _results(config, result_set, rows, chosen)
        page = restoration_page(results, config.model_dump(mode="json"), version("advgen_ray"))
        publish(config.output, summary, page, tracked)
        tracked.log_metrics(gains)
    return summary


def map_of(config: RestoreImagesConfig) -> Map:
    """The set, begun or continued, with every input checked, and what makes its rows."""
    names = unique_names(config.models, "models", depth=1)
    test = load_images(config.data, "test", config.num_images, "num_images")
    train = load_images(config.data, "train", None, "num_images")
    if config.num_validation_images >= len(train):
        raise UserError(
            f"num_validation_images={config.num_validation_images}: the train split of {config.data.name} has "
            f"{len(train)} images, and the rest of them is searched in; lower it"
        )
    if reserved := [name for name in names if name.endswith(HELD) or name == DEGRADED]:
        raise UserError(f"models: {reserved[0]!r} is the name of another row; rename that directory")
    uris = dict(zip(names, config.models, strict=True))
    result_set = ResultSet.create(
        config.output,
        kind="restorations",
        config=config.content(),
        inputs={
            "models": {name: load_any_model(uri, config.data).digest for name, uri in uris.items()},
            "train": content_digest(train),
            "test": content_digest(test, config.num_images),
        },
        num_shards=len(parts_of(config)),
        image_shape=test.info.image_shape,
    )
    return Map(result_set, partial(RestorationRows, config, uris, result_set))


def _results(
    config: RestoreImagesConfig, result_set: ResultSet, rows: pd.DataFrame, chosen: list[AtBest]
) -> Restorations:
    """Tables over all rows; pictures of the first test images."""
    test_ids = rows.loc[rows["half"] == "test", "image_id"].drop_duplicates()
    listed = list(test_ids[:NUM_LISTED])
    shape = result_set.image_shape
    assert shape is not None
    shown = rows_of_images(result_set, PICTURED, listed[:NUM_SHOWN])
    pictures: dict[str, dict[str, dict[float, np.ndarray]]] = {}
    for (degradation, method, strength), own in shown.groupby(["degradation", "method", "strength"], sort=False):
        images = column_to_images(pa.array(own["x_restored"], pa.binary()), shape)
        pictures.setdefault(str(degradation), {}).setdefault(str(method), {})[float(str(strength))] = images
    return Restorations(
        curves=by_strength(rows),
        chosen=chosen,
        first=rows[rows["image_id"].isin(listed)],
        originals=load_images(config.data, "test", None, "num_images").tensor(slice(len(listed[:NUM_SHOWN]))).numpy(),
        pictures=pictures,
        models=list(result_set.plan["inputs"]["models"]),
    )


def _rounded(one: AtBest) -> dict[str, Any]:
    """For JSON, which has no nan."""
    row = one.plain().items()
    return {key: rounded(value) if isinstance(value, float) else value for key, value in row}
