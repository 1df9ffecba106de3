"""The stage that explains predictions by integrated gradients: checks, Ray Data map, shares, page."""

from functools import partial
from importlib.metadata import version
from typing import Any

import pandas as pd
import pyarrow as pa
import torch

from advgen_ray.analysis.explanation import explanation_table
from advgen_ray.analysis.summary import plain, records
from advgen_ray.config.explanation import ExplainPredictionsConfig
from advgen_ray.distributed.actors import Map
from advgen_ray.distributed.explanation_rows import ExplanationRows, num_shards
from advgen_ray.distributed.pipelines import run_maps
from advgen_ray.energy.input_gradients import to_picture
from advgen_ray.report.explanation_page import Explanations, explanation_page
from advgen_ray.stages.inputs import content_digest, load_any_model, load_images, rows_of_images, unique_names
from advgen_ray.stages.outcome import PAGE, publish, tracked_job
from advgen_ray.storage import ResultSet
from advgen_ray.storage.filesystem import join
from advgen_ray.storage.schemas import column_to_images

MAX_SHOWN = 10  # classes
NUMBERS = [
    "classifier", "baseline", "image_id", "label", "predicted", "logit", "baseline_logit", "delta", "bright_share",
    "attribution_share",
]  # fmt: skip
PICTURED = ["classifier", "baseline", "image_id", "attribution"]


def run(config: ExplainPredictionsConfig) -> dict[str, Any]:
    """Explain what is missing of the set at ``config.output``, write page and summary; returns the summary.

    Raises UserError, before work starts, for a missing or foreign classifier, too many images, another set in the same
    place or a place that cannot be written.
    """
    explanations = map_of(config)
    result_set = explanations.result_set
    with tracked_job("explanations", config, unless_finished=result_set.finished()) as tracked:
        run_maps("explanations", [explanations], config.pool)
        results = _results(config, result_set)
        rows = [plain(row) for row in records(results.table.round(6))]
        largest = float(results.table["missed_share"].max())
        summary = {
            "output": config.output,
            "report": join(config.output, PAGE),
            "identity": result_set.identity,
            "largest_missed_share": round(largest, 6),
            "masks": rows,
            "seconds": result_set.seconds,
        }
        page = explanation_page(results, config.model_dump(mode="json"), version("advgen_ray"))
        publish(config.output, summary, page, tracked)
        tracked.log_metrics({"largest_missed_share": largest} | {
            f"{row['baseline']}/{row['classifier']}/{key}": row[key] for row in rows for key in ("attributed", "excess")
        })  # fmt: skip
    return summary


def map_of(config: ExplainPredictionsConfig) -> Map:
    """The set, begun or continued, with every input checked, and what makes its rows."""
    names = unique_names(config.classifiers, "classifiers", depth=1)
    test = load_images(config.data, "test", config.num_images, "num_images")
    train = load_images(config.data, "train", None, "num_images")
    uris = dict(zip(names, config.classifiers, strict=True))
    result_set = ResultSet.create(
        config.output,
        kind="explanations",
        config=config.content(),
        inputs={
            "classifiers": {name: load_any_model(uri, config.data).digest for name, uri in uris.items()},
            "train": content_digest(train),
            "test": content_digest(test, config.num_images),
        },
        num_shards=num_shards(config),
        image_shape=test.info.image_shape,
    )
    return Map(result_set, partial(ExplanationRows, config, uris, result_set))


def _results(config: ExplainPredictionsConfig, result_set: ResultSet) -> Explanations:
    """Tables over all rows; pictures of the first image of each class."""
    rows = result_set.read(NUMBERS).to_pandas()
    test = load_images(config.data, "test", None, "num_images").first(config.num_images)
    first = pd.Series(test.labels).drop_duplicates().sort_values(kind="stable").index[:MAX_SHOWN].to_numpy()
    wanted = test.item_ids(first)
    shown = rows_of_images(result_set, PICTURED, wanted).set_index("image_id")
    masks: dict[str, dict[str, Any]] = {}
    for (baseline, classifier), own in shown.groupby(["baseline", "classifier"], sort=False):
        column = pa.array(own.loc[wanted, "attribution"], pa.binary())
        pictures = to_picture(torch.from_numpy(column_to_images(column, test.info.image_shape))).numpy()
        masks.setdefault(str(baseline), {})[str(classifier)] = pictures
    names = [test.info.class_names[label] for label in test.labels[first]]
    return Explanations(explanation_table(rows), test.tensor(first).numpy(), names, masks)
