"""Tiny energies tables, written by hand: a row is what differs from a correctly classified clean test image."""

from collections.abc import Callable
from typing import Any

import pandas as pd
import pytest

from advgen_ray.analysis.inputs import CounterfactualSet

ATTACK_EPS = 0.5
ORDINARY = {
    "classifier": "standard",
    "classifier_eps": 0.0,
    "classifier_seed": 0,
    "view": "clean",
    "image_set": "test",
    "image_id": "t0",
    "label": 0,
    "source_label": 0,
    "predicted": 0,
    "confidence": 0.9,
    "label_confidence": 0.9,
    "energy_x": -5.0,
    "energy_xy": -4.5,
    "attack": "",
    "attack_eps": 0.0,
    "attack_distance": 0.0,
}


def make_energies(rows: list[dict[str, Any]]) -> pd.DataFrame:
    attacked = {"attack": "pgd", "attack_eps": ATTACK_EPS}
    table = pd.DataFrame([ORDINARY | (attacked if row.get("view") == "attacked" else {}) | row for row in rows]).astype(
        {"classifier_eps": "float32"}
    )
    return table.assign(correct=table["predicted"] == table["label"])


def make_set(rows: list[tuple[str, int, int, float]], name: str = "main") -> CounterfactualSet:
    """Rows (source, label, target, L2); replicates are counted up, L0 is a tenth of L2."""
    table = pd.DataFrame(rows, columns=["source_id", "source_label", "y_target", "l2"])
    replicate = table.groupby(["source_id", "y_target"]).cumcount()
    ids = [f"{s}/{t}/{r}" for s, t, r in zip(table["source_id"], table["y_target"], replicate, strict=True)]
    table = table.assign(item_id=ids, replicate=replicate, source_index=0, l0=table["l2"] / 10)
    return CounterfactualSet(name, name.title(), table.astype({"l2": "float32", "l0": "float32"}))


@pytest.fixture
def energies() -> Callable[[list[dict[str, Any]]], pd.DataFrame]:
    return make_energies


@pytest.fixture
def counterfactuals() -> Callable[..., CounterfactualSet]:
    return make_set
