"""The stage that makes a set of counterfactuals: checks, Ray Data map, summary."""

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import partial
from typing import Any

import numpy as np

from advgen_ray.config import CounterfactualsConfig, DVCEConfig, GenerateByClassifierConfig, GenerateConfig
from advgen_ray.data.datasets import dataset_info
from advgen_ray.distributed.actors import Map
from advgen_ray.distributed.counterfactual_rows import CounterfactualRows, Judge, plan_of
from advgen_ray.distributed.pipelines import run_maps
from advgen_ray.errors import IncompleteError, UserError
from advgen_ray.stages.inputs import (
    content_digest,
    load_classifier,
    load_images,
    load_score_model,
    open_counterfactuals,
)
from advgen_ray.stages.marks import is_tracked, mark_once_recorded
from advgen_ray.stages.outcome import publish, tracked_job
from advgen_ray.storage import ResultSet
from advgen_ray.storage.filesystem import common_parent
from advgen_ray.tracking import Run, tracked_run


def run(config: CounterfactualsConfig, judge: Judge | None = None) -> dict[str, Any]:
    """Generate what is missing of the set at ``config.output``; returns its summary.

    ``judge`` is asked about them on the way, for the metrics of the cluster. Raises UserError, before work starts, for
    a missing or foreign model, too many sources, another set in the same place or a place that cannot be written;
    IncompleteError where some rows could not be made.
    """
    result_set = prepare(config)
    found = result_set.finished()
    if found and is_tracked(config.output):
        print(f"counterfactuals: {config.output} is complete, nothing to compute", flush=True)
        return _publish(result_set)
    with tracked_job("counterfactuals", config, unless_finished=found) as tracked:
        run_maps("counterfactuals", [_made(config, result_set, judge)], config.pool)
        summary = _publish(result_set, tracked)
        tracked.log_metrics(summary)
        mark_once_recorded(tracked, config.output)
    return summary


def run_all(configs: Sequence[CounterfactualsConfig]) -> list[dict[str, Any]]:
    """Several sets in one pool of actors, that of the first config; each is recorded as a run of its own.

    So is one that a job before this one made and did not come to record. Raises as ``run`` does, IncompleteError when
    the finished sets are recorded.
    """
    sets = [prepare(config) for config in configs]
    found = {one.uri for one in sets if one.finished()}
    left = [
        (config, one)
        for config, one in zip(configs, sets, strict=True)
        if one.uri not in found or not is_tracked(one.uri)
    ]
    if left:
        with _parent(configs):
            try:
                run_maps("counterfactuals", [_made(config, one) for config, one in left], configs[0].pool)
            except IncompleteError:
                _record(left, found)
                raise
            _record(left, found)
    return [_publish(one) for one in sets]


@contextmanager
def recorded_if_incomplete(configs: Sequence[CounterfactualsConfig]) -> Iterator[None]:
    """Around what makes these sets among others: where it raises IncompleteError, those that are whole get their runs.

    They are the runs that ``run_all`` would open, which has only the others left to make when it comes to be called.
    """
    try:
        yield
    except IncompleteError:
        left = [(config, one) for config in configs if not is_tracked((one := prepare(config)).uri)]
        with _parent(configs) if left else nullcontext():
            _record(left, {one.uri for _, one in left})
            raise


def map_of(config: CounterfactualsConfig) -> Map:
    """The set that ``prepare`` gives, and what makes its rows."""
    return _made(config, prepare(config))


def prepare(config: CounterfactualsConfig) -> ResultSet:
    """The set that the config makes, begun or continued, with every input checked."""
    inputs = inputs_of(config)
    return ResultSet.create(
        config.output,
        kind="counterfactuals",
        config=config.content(),
        inputs=inputs,
        num_shards=plan_of(config).num_shards,
        image_shape=dataset_info(config.data.name, config.data.root).image_shape,
    )


def inputs_of(config: CounterfactualsConfig) -> dict[str, str]:
    """The digests of images and models; raises UserError for a missing or foreign model, or too many sources."""
    return _sources(config) | _models(config)


def _sources(config: CounterfactualsConfig) -> dict[str, str]:
    """What the set is made of, by digest; raises UserError where there are not as many images as asked for."""
    if not config.sources:
        images = load_images(config.data, config.split, config.num_sources, "num_sources")
        return {"images": content_digest(images, config.num_sources)}
    made_of = open_counterfactuals(config.sources, config.data)
    if made_of.uri == config.output:
        raise UserError(f"sources={config.sources}: is the output too; choose another --set output=...")
    if config.num_sources > made_of.manifest["num_rows"]:
        raise UserError(
            f"num_sources={config.num_sources}: {config.sources} holds {made_of.manifest['num_rows']} counterfactuals; "
            "lower it"
        )
    return {"sources": made_of.identity}


def _models(config: CounterfactualsConfig) -> dict[str, str]:
    """The models that make the set, by digest."""
    if isinstance(config, GenerateConfig):
        score_model = load_score_model(config.score_model, config.data, config.unconditional_model)
        if config.guidance_scale > 0 and not score_model.has_null:
            raise UserError(
                f"guidance_scale={config.guidance_scale:g}: {config.score_model} has no null class; give an "
                "unconditional model with --set unconditional_model=DIR, or --set guidance_scale=0"
            )
        return {"score_model": score_model.digest}
    assert isinstance(config, GenerateByClassifierConfig)
    found = {"classifier": load_classifier(config.classifier, config.data).digest}
    if isinstance(config.method, DVCEConfig):
        score_model = load_score_model(config.method.score_model, config.data)
        if not score_model.has_null:
            raise UserError(
                f"method.score_model={config.method.score_model}: has no null class, which DVCE samples from"
            )
        found["score_model"] = score_model.digest
        if config.method.cone_classifier:
            found["cone_classifier"] = load_classifier(config.method.cone_classifier, config.data).digest
    return found


def _parent(configs: Sequence[CounterfactualsConfig]) -> AbstractContextManager[Run]:
    """The run above those of several sets."""
    outputs = [config.output for config in configs]
    return tracked_run("counterfactuals", {"output": common_parent(outputs), "outputs": outputs})


def _made(config: CounterfactualsConfig, result_set: ResultSet, judge: Judge | None = None) -> Map:
    return Map(result_set, partial(CounterfactualRows, config, result_set, judge=judge))


def _record(sets: Sequence[tuple[CounterfactualsConfig, ResultSet]], found: set[str]) -> None:
    """A run for each set that is finished; ``found`` were so before, and may have one."""
    for config, one in sets:
        if one.finished():
            with tracked_job("counterfactual set", config, unless_finished=one.uri in found) as tracked:
                tracked.log_metrics(_publish(one, tracked))
                mark_once_recorded(tracked, one.uri)


def _publish(result_set: ResultSet, tracked: Run | None = None) -> dict[str, Any]:
    """The summary, stored beside the set and in the run."""
    summary = _summary(result_set)
    publish(result_set.uri, summary, tracked=tracked)
    return summary


def _summary(result_set: ResultSet) -> dict[str, Any]:
    """Counts and means, one shard in memory at a time; None where there is no such row."""
    count, l2, l0 = np.zeros(2), np.zeros(2), np.zeros(2)  # of counterfactuals for another class, and for their own
    for rows in result_set.tables(["source_label", "y_target", "l2", "l0"]):
        same = (rows["source_label"].to_numpy() == rows["y_target"].to_numpy()).astype(int)
        count += np.bincount(same, minlength=2)
        l2 += np.bincount(same, rows["l2"].to_numpy(), minlength=2)
        l0 += np.bincount(same, rows["l0"].to_numpy(), minlength=2)
    return {
        "output": result_set.uri,
        "identity": result_set.identity,
        "count": int(count.sum()),
        "mean_l2_different_class": _mean(l2[0], count[0]),
        "mean_l2_same_class": _mean(l2[1], count[1]),
        "mean_l0": _mean(l0.sum(), count.sum()),
        "seconds": result_set.seconds,
    }


def _mean(total: float, count: float) -> float | None:
    return round(float(total / count), 6) if count else None
