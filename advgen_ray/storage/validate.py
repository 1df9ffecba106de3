"""Whether a finished result set keeps its promises: complete, unique keys, whole provenance, values in range."""

from collections import Counter
from collections.abc import Iterator
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from advgen_ray.errors import UserError
from advgen_ray.storage.descriptions import identity_of
from advgen_ray.storage.result_set import ResultSet
from advgen_ray.storage.schemas import column_to_images

# Columns by what their values may be; a column that a kind does not have is not looked at.
IMAGES = ("x_ce", "x_adv", "x_start", "x_generated")
SIGNED_IMAGES = ("gradient",)  # any finite values
FRACTIONS = ("l0", "linf", "confidence", "label_confidence")
NOT_NEGATIVE = (
    "l1", "l2", "attack_distance", "distance", "source_index", "source_label", "label", "y_target", "replicate",
)  # fmt: skip
LARGEST = float(np.finfo(np.float32).max)


def validate(uri: str) -> dict[str, Any]:
    """Read every row of a finished set, one shard in memory at a time; returns what was counted.

    Raises UserError naming the first promise that is broken, and where.
    """
    result_set = ResultSet.open(uri)
    manifest = result_set.manifest
    plan = result_set.plan
    if identity_of(plan["kind"], plan["config"], plan["inputs"]) != result_set.identity:
        raise _broken(result_set, "plan.json", "its identity is not the digest of its config and inputs")
    for key, value in plan.items():
        if manifest.get(key) != value:
            raise _broken(result_set, "manifest.json", f"its {key} is not the plan's")
    keys: Counter[str] = Counter()
    for shard, table in zip(manifest["shards"], result_set.tables(), strict=True):
        if table.num_rows != shard["num_rows"]:
            raise _broken(result_set, shard["name"], f"{table.num_rows} rows, the manifest says {shard['num_rows']}")
        problem = next(_problems(table, result_set), None)
        if problem:
            raise _broken(result_set, shard["name"], problem)
        keys.update(table["item_id"].to_pylist())
    repeated = [key for key, count in keys.items() if count > 1]
    if repeated:
        raise _broken(result_set, "shards", f"{len(repeated)} keys occur more than once, such as {repeated[0]!r}")
    if len(keys) != manifest["num_rows"]:
        raise _broken(result_set, "shards", f"{len(keys)} rows, the manifest says {manifest['num_rows']}")
    return {"kind": plan["kind"], "rows": len(keys), "shards": len(manifest["shards"]), "identity": plan["identity"]}


def _problems(table: pa.Table, result_set: ResultSet) -> Iterator[str]:
    """What is wrong with the rows of one shard."""
    columns = set(table.column_names)
    for name in ("item_id", "model_digest", "config_digest"):
        if pc.any(pc.equal(table[name], "")).as_py():
            yield f"column {name} has empty values"
    for name in table.column_names:
        values = pc.list_flatten(table[name]) if pa.types.is_list(table.schema.field(name).type) else table[name]
        if pa.types.is_floating(values.type) and not pc.all(pc.is_finite(values), min_count=0).as_py():
            yield f"column {name} has values that are not finite"
    for name in columns.intersection(FRACTIONS):
        yield from _outside(name, table[name].to_numpy(), 0.0, 1.0)
    for name in columns.intersection(NOT_NEGATIVE):
        yield from _outside(name, table[name].to_numpy(), 0.0, np.inf)
    for name in columns.intersection(IMAGES + SIGNED_IMAGES):
        shape = result_set.image_shape
        assert shape is not None
        low, high = (-LARGEST, LARGEST) if name in SIGNED_IMAGES else (0.0, 1.0)
        try:
            yield from _outside(name, column_to_images(table[name], shape), low, high)
        except ValueError as error:
            yield str(error)
    if "fallen_to" in columns:
        yield from _falls_beyond_the_rules(table, float(result_set.plan["config"]["eps"]))
    if "energy_path" in columns:
        yield from _path_to_elsewhere(table)
    if "logits" in columns:
        yield from _inconsistent_energies(table)


def _falls_beyond_the_rules(table: pa.Table, eps: float) -> Iterator[str]:
    """Images that fell without being misclassified, stand although they are, or fell outside the ball."""
    fallen_to, distance = table["fallen_to"].to_numpy(zero_copy_only=False), table["distance"].to_numpy()
    wrong = table["predicted"].to_numpy() != table["label"].to_numpy()
    if not np.array_equal(wrong, fallen_to != ""):
        yield "column fallen_to does not follow from predicted and label"
    attacked = ~np.isin(fallen_to, ["", "clean"])
    if (distance[~attacked] != 0).any():
        yield "column distance is not zero for an image that no attack changed"
    if (distance > eps * (1 + 1e-6)).any():
        yield f"column distance goes up to {distance.max():g}, beyond eps {eps:g}"


def _path_to_elsewhere(table: pa.Table) -> Iterator[str]:
    """Descents that do not begin and end at the energies stored beside them."""
    for name, place in (("start_energy_xy", 0), ("energy_xy", -1)):
        ends = [path[place] for path in table["energy_path"].to_pylist()]
        if not np.allclose(table[name].to_numpy(), ends, rtol=1e-4, atol=1e-4):
            yield f"column {name} is not the {'last' if place else 'first'} of energy_path"


def _outside(name: str, values: np.ndarray, low: float, high: float) -> Iterator[str]:
    wrong = values[~((values >= low) & (values <= high))]
    if wrong.size:
        yield f"column {name} has {wrong.size} values outside [{low:g}, {high:g}], such as {wrong.flat[0]:g}"


def _inconsistent_energies(table: pa.Table) -> Iterator[str]:
    """Predictions and energies that do not follow from the logits stored beside them."""
    logits = np.stack(table["logits"].to_numpy()).astype(np.float64)
    if not np.isfinite(logits).all():
        yield "column logits has values that are not finite"
        return
    top = logits.max(axis=1)
    energy_x = -(top + np.log(np.exp(logits - top[:, None]).sum(axis=1)))
    rows, labels = np.arange(len(logits)), table["label"].to_numpy()
    predicted = table["predicted"].to_numpy()
    expected = {"energy_x": energy_x, "energy_xy": -logits[rows, labels]}
    for name, values in expected.items():
        if not np.allclose(table[name].to_numpy(), values, rtol=1e-4, atol=1e-4):
            yield f"column {name} does not follow from the logits"
    if not (logits[rows, predicted] == top).all():
        yield "column predicted is not the class of the largest logit"
    if not np.array_equal(table["correct"].to_numpy(), predicted == labels):
        yield "column correct is not predicted == label"


def _broken(result_set: ResultSet, where: str, what: str) -> UserError:
    return UserError(f"{result_set.uri}: {where}: {what}; remove the set and rerun the command that made it")
