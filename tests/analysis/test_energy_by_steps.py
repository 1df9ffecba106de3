"""Energies by number of steps, by hand."""

import math

import pandas as pd
import pytest

from advgen_ray.analysis.energy_by_steps import energy_by_steps, energy_shifts


def _rows(series: str, by_steps: dict[int, list[tuple[float, bool]]]) -> pd.DataFrame:
    return pd.DataFrame(
        [
            {"series": series, "num_steps": steps, "energy_x": energy, "energy_xy": energy + 1.0, "correct": correct}
            for steps, images in by_steps.items()
            for energy, correct in images
        ]
    )


ROWS = pd.concat(
    [
        _rows("shallow", {40: [(-9.0, False), (-11.0, False)], 0: [(-1.0, True), (-3.0, True)], 5: [(-4.0, True)] * 2}),
        _rows("deep", {0: [(-2.0, True), (-2.5, False)], 5: [(-2.0, False), (-2.4, False)]}),
    ],
    ignore_index=True,
)


def test_mean_spread_and_accuracy_of_every_point() -> None:
    table = energy_by_steps(ROWS)
    assert list(zip(table["series"], table["num_steps"], strict=True)) == [
        ("shallow", 0), ("shallow", 5), ("shallow", 40), ("deep", 0), ("deep", 5),
    ]  # fmt: skip
    assert table["mean_energy_x"].tolist() == pytest.approx([-2, -4, -10, -2.25, -2.2])
    assert table["mean_energy_xy"].tolist() == pytest.approx([-1, -3, -9, -1.25, -1.2])
    assert table["std_energy_x"].tolist() == pytest.approx([math.sqrt(2), 0, math.sqrt(2), 0.125**0.5, 0.08**0.5])
    assert table["accuracy"].tolist() == [1, 1, 0, 0.5, 0]
    assert table["count"].tolist() == [2] * 5
    assert ((table["accuracy_low"] <= table["accuracy"]) & (table["accuracy"] <= table["accuracy_high"])).all()


def test_shifts_say_which_series_falls() -> None:
    shifts = energy_shifts(energy_by_steps(ROWS)).set_index("series")
    assert shifts.loc["shallow", "shift"] == pytest.approx(-8)
    assert shifts.loc["shallow", "spreads"] == pytest.approx(-8 / math.sqrt(2))
    assert shifts.loc["shallow", ["num_steps", "falling", "final_accuracy"]].tolist() == [40, True, 0]
    assert shifts.loc["deep", "falling"] == False  # noqa: E712  (numpy's)
    assert energy_shifts(energy_by_steps(ROWS), "energy_xy")["shift"].tolist() == pytest.approx([-8, 0.05])


def test_one_image_at_one_number_of_steps_has_no_spread() -> None:
    table = energy_by_steps(_rows("one", {0: [(-1.0, True)]}))
    assert table["std_energy_x"].isna().all()
    assert math.isnan(energy_shifts(table)["spreads"].item())
