"""Drift of energies while a model is trained, by hand."""

import math

import pandas as pd
import pytest

from advgen_ray.analysis.energy_dynamics import arrows, dynamics_table, with_drift

COLUMNS = [
    "epoch", "item_id", "label", "natural_energy_x", "natural_energy_xy", "attacked_energy_x", "attacked_energy_xy",
]  # fmt: skip
ROWS = pd.DataFrame(
    [
        (50, "b", 1, -6.0, -5.0, -9.0, -1.0),  # drift (-3, 4), length 5
        (50, "a", 0, -4.0, -4.0, -4.0, -2.0),  # drift (0, 2)
        (1, "a", 0, 0.0, 2.0, 0.0, 2.0),
    ],
    columns=COLUMNS,
)


def test_drift_is_attacked_minus_natural() -> None:
    rows = with_drift(ROWS)
    assert rows[["drift_x", "drift_xy", "drift"]].to_numpy().tolist() == [[-3, 4, 5], [0, 2, 2], [0, 0, 0]]


def test_one_row_an_epoch() -> None:
    table = dynamics_table(ROWS)
    assert table["epoch"].tolist() == [1, 50]
    last = table.iloc[1]
    assert last[["natural_energy_x", "natural_energy_xy", "attacked_energy_x"]].tolist() == [-5.0, -4.5, -6.5]
    assert last["natural_energy_x_std"] == pytest.approx(math.sqrt(2))
    assert (last["natural_loss"], last["attacked_loss"]) == (0.5, 5.0)  # E(x, y) - E(x) is the cross-entropy
    assert (last["mean_drift"], last["median_drift"]) == (3.5, 3.5)
    assert (last["mean_drift_x"], last["mean_drift_xy"], last["count"]) == (-1.5, 3.0, 2)


def test_arrows_of_one_epoch_in_the_order_of_their_ids() -> None:
    chosen = arrows(ROWS, 50)
    assert chosen["item_id"].tolist() == ["a", "b"]
    assert chosen["drift"].tolist() == [2, 5]
    with pytest.raises(ValueError, match=r"epoch 2 was not recorded; recorded are \[1, 50\]"):
        arrows(ROWS, 2)


def test_too_many_arrows_are_thinned_evenly() -> None:
    many = pd.concat([ROWS.iloc[[2]].assign(item_id=f"{i:03d}") for i in range(100)], ignore_index=True)
    chosen = arrows(many.sample(frac=1, random_state=0), 1, max_arrows=12)
    assert chosen["item_id"].tolist() == [f"{9 * i:03d}" for i in range(12)]
