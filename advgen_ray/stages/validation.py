"""The stage that reads a finished set: what the set says of itself, and of counterfactuals what their plan says."""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pyarrow as pa
import torch

from advgen_ray.config import CounterfactualsConfig, ValidateConfig
from advgen_ray.counterfactuals.metrics import l0, l1, l2, linf
from advgen_ray.distributed.ce_sources import SourcesAt, load_sources, of_split
from advgen_ray.distributed.counterfactual_rows import plan_of
from advgen_ray.distributed.plans import CounterfactualPlan
from advgen_ray.errors import UserError
from advgen_ray.stages.inputs import content_digest, load_images
from advgen_ray.stages.outcome import tracked_job
from advgen_ray.storage import ResultSet
from advgen_ray.storage.schemas import ImageShape, column_to_images
from advgen_ray.storage.validate import validate

ROWS_AT_ONCE = 256  # of which distances are computed


def run(config: ValidateConfig) -> dict[str, Any]:
    """Check the set as one tracked run; see ``check``."""
    with tracked_job("validation", config) as tracked:
        found = check(config)
        tracked.log_metrics(found)
    return found


def check(config: ValidateConfig) -> dict[str, Any]:
    """Read all of a finished set; returns what was counted, and whether its sources were there to compare with.

    Checked of every set: descriptions, files, digests, columns, provenance, ranges, every key once. Of counterfactuals
    also: each row is the one that the plan has in its place, of the source it names, at the distances it tells; where
    the sources are not to be had the last two are left out. Raises UserError naming what is broken and where.
    """
    result_set = ResultSet.open(config.result_set)
    if result_set.kind != "counterfactuals":
        return validate(config.result_set)
    made = _made_from(result_set, config)
    sources, note = _sources_if_there(result_set, made)
    plan = _plan(result_set, made)
    if plan.num_shards != result_set.num_shards:
        raise UserError(
            f"{config.result_set}: plan.json: it has {result_set.num_shards} shards, its config makes "
            f"{plan.num_shards}; remove the set and rerun the command that made it"
        )

    def of_plan(index: int, rows: pa.Table) -> Iterator[str]:
        yield from _misplaced(rows, plan, index)
        if sources:
            assert result_set.image_shape
            yield from _of_other_sources(rows, sources, result_set.image_shape)

    return validate(config.result_set, of_plan) | {"sources": note}


def _made_from(result_set: ResultSet, config: ValidateConfig) -> CounterfactualsConfig:
    """What the set's config says of sources and shards, and where the sources lie now."""
    fields = CounterfactualsConfig.model_fields
    content = {name: value for name, value in result_set.plan["config"].items() if name in fields}
    data = config.data.model_dump() | content.get("data", {})
    return CounterfactualsConfig.parse(content | {"data": data, "sources": config.sources})


def _sources_if_there(result_set: ResultSet, made: CounterfactualsConfig) -> tuple[SourcesAt | None, str]:
    """The images that the set was made of, and what to say of them."""
    inputs = result_set.plan["inputs"]
    try:
        if "sources" in inputs:
            if not made.sources:
                return None, "not compared: made of another set; name it with --set sources=..."
            return load_sources(made, inputs["sources"]), "compared"
        images = load_images(made.data, made.split, made.num_sources, "num_sources")
    except UserError as error:
        return None, f"not compared: {error}"
    if content_digest(images, made.num_sources) != inputs.get("images"):
        return None, f"not compared: data.root={made.data.root} holds other images than the set was made of"
    return of_split(images), "compared"


def _plan(result_set: ResultSet, made: CounterfactualsConfig) -> CounterfactualPlan:
    """The plan of the set; where the data set is not there to tell, the set itself says how many classes it has."""
    try:
        return plan_of(made)
    except UserError:
        num_classes = round(result_set.manifest["num_rows"] / (made.num_sources * made.replicates))
        return CounterfactualPlan(made.num_sources, num_classes, made.replicates, made.shard_images)


def _misplaced(rows: pa.Table, plan: CounterfactualPlan, index: int) -> Iterator[str]:
    """Rows that are not those which the plan has in this shard, in its order."""
    expected = np.stack(plan.keys(plan.rows(index)), axis=1)
    found = np.stack([rows[name].to_numpy() for name in ("source_index", "y_target", "replicate")], axis=1)
    both = min(len(expected), len(found))
    other = np.flatnonzero((expected[:both] != found[:both]).any(axis=1))
    if other.size:
        here, there = ("/".join(map(str, keys[other[0]])) for keys in (found, expected))
        yield f"row {other[0]} is {here} (source index/target/replicate), the plan has {there} there"
    if len(expected) != len(found):
        yield f"{len(found)} rows, the plan has {len(expected)}"
    parts = (rows[name].to_pylist() for name in ("item_id", "source_id", "y_target", "replicate"))
    for row, (item_id, *key) in enumerate(zip(*parts, strict=True)):
        if item_id != "/".join(map(str, key)):
            yield f"row {row} is called {item_id!r}, which are not its source, target and replicate"


def _of_other_sources(rows: pa.Table, sources_at: SourcesAt, image_shape: ImageShape) -> Iterator[str]:
    """Rows whose source, its label, or the distances to it are not those of the source in its place."""
    for start in range(0, rows.num_rows, ROWS_AT_ONCE):
        part = rows.slice(start, ROWS_AT_ONCE)
        sources = sources_at(part["source_index"].to_numpy())
        x_ce = torch.from_numpy(column_to_images(part["x_ce"], image_shape))
        yield from _differ(part, "source_id", np.array(sources.ids), start, np.equal)
        yield from _differ(part, "source_label", sources.labels, start, np.equal)
        for metric in (l2, l1, linf, l0):
            expected = metric(x_ce, sources.images).numpy()
            yield from _differ(part, metric.__name__, expected, start, _close)


def _close(found: np.ndarray, expected: np.ndarray) -> np.ndarray:
    """Pixels are stored exactly, but another machine may add their differences up in another order."""
    return np.isclose(found, expected, rtol=1e-4, atol=1e-5)


def _differ(
    rows: pa.Table, name: str, expected: np.ndarray, start: int, same: Callable[[Any, Any], np.ndarray]
) -> Iterator[str]:
    found = rows[name].to_numpy()
    wrong = np.flatnonzero(~same(found, expected))
    if wrong.size:
        first = wrong[0]
        yield f"column {name} of row {start + first} is {found[first]}, from its source follows {expected[first]}"
