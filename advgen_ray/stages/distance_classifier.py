"""The stage that classifies images by the distance of their counterfactuals: sets by sampler, curves, page."""

from importlib.metadata import version
from typing import Any

from advgen_ray.analysis.distance_classification import TimedSet, accuracy_by_cost, classify_by_distance
from advgen_ray.analysis.inputs import COUNTERFACTUAL_COLUMNS
from advgen_ray.config import GenerateConfig, SamplerConfig
from advgen_ray.config.distance_classifier import ClassifyByDistanceConfig
from advgen_ray.data.datasets import dataset_info
from advgen_ray.distributed.ce_generators import evaluations_of
from advgen_ray.report.distance_classifier_page import distance_classifier_page
from advgen_ray.stages import counterfactuals
from advgen_ray.stages.inputs import load_score_model
from advgen_ray.stages.outcome import PAGE, publish, tracked_job
from advgen_ray.stages.ownership import take_output
from advgen_ray.storage import ResultSet
from advgen_ray.storage.filesystem import join

PLAN = "plan.json"


def run(config: ClassifyByDistanceConfig) -> dict[str, Any]:
    """Make what is missing of the sets under ``config.output``; returns the accuracies and where the page is.

    Raises UserError, before work starts, as the generation of counterfactuals does.
    """
    take_output(config, config.output, PLAN, "distance classifier")
    generation = config.generation
    sde = load_score_model(generation.score_model, generation.data, generation.unconditional_model).sde
    parts = [_part(config, sampler) for sampler in config.samplers]
    sets = [counterfactuals.prepare(part) for part in parts]
    with tracked_job("distance classifier", config, unless_finished=all(one.finished() for one in sets)) as tracked:
        counterfactuals.run_all(parts)
        timed = [_timed(part, evaluations_of(part, sde)) for part in parts]
        table = accuracy_by_cost(timed)
        found = [classify_by_distance(one.rows) for one in timed]
        best = max(found, key=lambda one: one.accuracy.value)
        accuracy = found[0].accuracy  # of the sampler named first: the best of several would be chosen by its test
        info = dataset_info(config.generation.data.name, config.generation.data.root)
        page = distance_classifier_page(
            table, best, info.class_names, config.model_dump(mode="json"), version("advgen_ray")
        )
        summary = {
            "report": join(config.output, PAGE),
            "sampler": timed[0].label,
            "count": accuracy.count,
            "accuracy": round(accuracy.value, 6),
            "curves": table.round(6).to_dict("records"),
        }
        publish(config.output, summary, page, tracked)
        tracked.log_metrics({"accuracy": accuracy.value})
    return summary


def _part(config: ClassifyByDistanceConfig, sampler: SamplerConfig) -> GenerateConfig:
    changes = {"sampler": sampler, "output": join(config.output, "sets", sampler.digest())}
    return GenerateConfig(**(dict(config.generation) | changes))


def _timed(part: GenerateConfig, evaluations: int) -> TimedSet:
    result_set = ResultSet.open(part.output)
    rows = result_set.read(list(COUNTERFACTUAL_COLUMNS)).to_pandas()
    sampler = part.sampler
    label = f"{sampler.kind.replace('_', ' ')}, {evaluations} evaluations"
    return TimedSet(label, rows, evaluations, result_set.seconds)
