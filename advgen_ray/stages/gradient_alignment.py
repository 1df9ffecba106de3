"""The stage that sets gradients beside counterfactuals: checks, Ray Data map, table, page."""

from functools import partial
from importlib.metadata import version
from typing import Any

from advgen_ray.analysis.gradient_alignment import alignment_table, source_points
from advgen_ray.config.gradient_alignment import AlignGradientsConfig
from advgen_ray.distributed.alignment_rows import AlignmentRows
from advgen_ray.distributed.pipelines import run_map
from advgen_ray.report.alignment_page import alignment_page
from advgen_ray.stages.inputs import load_classifier, open_counterfactuals_of_images, unique_names
from advgen_ray.stages.outcome import PAGE, publish, tracked_job
from advgen_ray.storage import ResultSet
from advgen_ray.storage.filesystem import join

CORRELATION = ["alignment_correlation", "alignment_correlation_low", "alignment_correlation_high"]
TOLD = ["classifier", "eps", "count", "alignment", "alignment_error", *CORRELATION, "class_alignment"]
READ = ["classifier", "classifier_eps", "source_id", "source_label", "y_target", "l2", "alignment", "class_alignment"]


def run(config: AlignGradientsConfig) -> dict[str, Any]:
    """Measure what is missing of the set at ``config.output``; returns the table and where the page is.

    Raises UserError, before work starts, for a missing or foreign classifier or set, a set whose sources are no images
    of the data set, another set in the same place or a place that cannot be written.
    """
    result_set = prepare(config)
    with tracked_job("alignment", config, unless_finished=result_set.finished()) as tracked:
        run_map("alignment", result_set, partial(AlignmentRows, config, result_set), config.pool)
        points = source_points(result_set.read(READ).to_pandas())
        table = alignment_table(points)
        page = alignment_page(table, points, config.model_dump(mode="json"), version("advgen_ray"))
        summary: dict[str, Any] = {
            "report": join(config.output, PAGE),
            "classifiers": table[TOLD].round(6).to_dict("records"),
        }
        publish(config.output, summary, page, tracked)
        tracked.log_metrics({f"{row['classifier']}/alignment": row["alignment"] for row in summary["classifiers"]})
    return summary


def prepare(config: AlignGradientsConfig) -> ResultSet:
    """The set that the config makes, begun or continued, with every input checked."""
    made = open_counterfactuals_of_images(config.counterfactuals, config.data)
    names = unique_names(config.classifiers, "classifiers", depth=1)
    digests = [load_classifier(uri, config.data).digest for uri in config.classifiers]
    return ResultSet.create(
        config.output,
        kind="gradient_alignment",
        config=config.content(),
        inputs={"classifiers": dict(zip(names, digests, strict=True)), "counterfactuals": made.identity},
        num_shards=len(names) * made.num_shards,
    )
