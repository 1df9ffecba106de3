"""What is wrong with the rows of one shard, as far as they tell themselves: columns, provenance, ranges, identities."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from advgen_ray.storage.descriptions import config_digest
from advgen_ray.storage.schemas import SCHEMAS, ImageShape, column_to_images

# Columns by what their values may be; a column that a kind does not have is not looked at.
IMAGES = ("x_ce", "x_adv", "x_start", "x_generated", "x_worst", "x_restored")
SIGNED_IMAGES = ("gradient", "attribution")  # any finite values
FRACTIONS = ("l0", "linf", "confidence", "label_confidence", "position", "bright_share", "attribution_share")
NOT_NEGATIVE = (
    "l1", "l2", "attack_distance", "distance", "source_index", "source_label", "label", "y_target", "replicate",
    "start",
)  # fmt: skip
LARGEST = float(np.finfo(np.float32).max)


def row_problems(table: pa.Table, plan: dict[str, Any], image_shape: ImageShape | None) -> Iterator[str]:
    """What is wrong with the rows of a shard of the set with this plan, worst first."""
    if not table.schema.equals(SCHEMAS[plan["kind"]]):
        yield f"its columns are not those of the kind {plan['kind']!r}"
        return
    columns = set(table.column_names)
    if pc.any(pc.equal(table["item_id"], "")).as_py():
        yield "column item_id has empty values"
    yield from _of_another_origin(table, plan)
    for name in table.column_names:
        values = pc.list_flatten(table[name]) if pa.types.is_list(table.schema.field(name).type) else table[name]
        if pa.types.is_floating(values.type) and not pc.all(pc.is_finite(values), min_count=0).as_py():
            yield f"column {name} has values that are not finite"
    for name in filter(columns.__contains__, FRACTIONS):
        yield from _outside(name, table[name].to_numpy(), 0.0, 1.0)
    for name in filter(columns.__contains__, NOT_NEGATIVE):
        yield from _outside(name, table[name].to_numpy(), 0.0, np.inf)
    for name in filter(columns.__contains__, IMAGES + SIGNED_IMAGES):
        assert image_shape is not None
        low, high = (-LARGEST, LARGEST) if name in SIGNED_IMAGES else (0.0, 1.0)
        try:
            yield from _outside(name, column_to_images(table[name], image_shape), low, high)
        except ValueError as error:
            yield str(error)
    if "fallen_to" in columns:
        yield from _falls_beyond_the_rules(table, float(plan["config"]["eps"]))
    if "worst_score" in columns:
        yield from _worse_than_the_rules(table, float(plan["config"]["attack"]["eps"]))
    if "energy_path" in columns:
        yield from _path_to_elsewhere(table)
    if "logits" in columns:
        yield from _inconsistent_energies(table)


def _of_another_origin(table: pa.Table, plan: dict[str, Any]) -> Iterator[str]:
    """Rows that do not carry the plan's config and seed, and one of the models it was computed from."""
    origins = {
        "config_digest": {config_digest(plan["config"])},
        "seed": {plan["config"].get("seed")},
        "model_digest": set(_values(plan["inputs"])),
    }
    for name, known in origins.items():
        counted = pc.value_counts(table[name].combine_chunks()).to_pylist()
        strange = {entry["values"]: entry["counts"] for entry in counted if entry["values"] not in known}
        if strange:
            yield f"column {name} has {sum(strange.values())} values that are not the plan's, such as {min(strange)!r}"


def _values(inputs: Any) -> Iterator[Any]:
    """The leaves of nested mappings."""
    if isinstance(inputs, dict):
        for inner in inputs.values():
            yield from _values(inner)
    else:
        yield inputs


def _falls_beyond_the_rules(table: pa.Table, eps: float) -> Iterator[str]:
    """Images that fell without being misclassified, stand although they are, or fell outside the ball."""
    fallen_to, distance = table["fallen_to"].to_numpy(zero_copy_only=False), table["distance"].to_numpy()
    wrong = table["predicted"].to_numpy() != table["label"].to_numpy()
    if not np.array_equal(wrong, fallen_to != ""):
        yield "column fallen_to does not follow from predicted and label"
    attacked = ~np.isin(fallen_to, ["", "clean"])
    if (distance[~attacked] != 0).any():
        yield "column distance is not zero for an image that no attack changed"
    yield from _beyond(distance, eps)


def _beyond(distance: np.ndarray, eps: float) -> Iterator[str]:
    """Distances beyond the ball as attacks keep to it: in Linf, to the rounding of a float32 pixel that eps moved."""
    if (distance > eps * (1 + 1e-6) + np.finfo(np.float32).eps / 2).any():
        yield f"column distance goes up to {distance.max():g}, beyond eps {eps:g}"


def _worse_than_the_rules(table: pa.Table, eps: float) -> Iterator[str]:
    """Worst cases that are milder than the clean image, outside the ball, or of images that nothing attacks."""
    clean, worst, distance = (table[name].to_numpy() for name in ("clean_score", "worst_score", "distance"))
    worst_from = table["worst_from"].to_numpy(zero_copy_only=False)
    if (worst > clean).any():
        yield "column worst_score is above clean_score somewhere"
    unmoved = worst_from == "clean"
    if ((worst != clean) | (distance != 0))[unmoved].any():
        yield "columns worst_score and distance are not those of the clean image where worst_from says so"
    if not unmoved[table["image_set"].to_numpy(zero_copy_only=False) == "in"].all():
        yield "column worst_from names an attack on images in distribution"
    yield from _beyond(distance, eps)


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
