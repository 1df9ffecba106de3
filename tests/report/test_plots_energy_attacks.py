"""Energies by steps and by attack: a line a series with its accuracies, a panel an attack on common axes."""

import numpy as np
import pandas as pd
import pytest

from advgen_ray.analysis.energy_by_steps import energy_by_steps
from advgen_ray.report.plots_energy_attacks import attack_panels, energy_by_steps_panel
from tests.report.painted import legend_of, painted


def _table(series: tuple[str, ...], steps: tuple[int, ...], num_images: int = 20) -> pd.DataFrame:
    generator = np.random.default_rng(0)
    rows = [
        {
            "series": name,
            "num_steps": step,
            "energy_x": -5 - step + generator.normal(),
            "energy_xy": -5 + step,
            "correct": i < num_images / (1 + step),
        }
        for name in series
        for step in steps
        for i in range(num_images)
    ]
    return energy_by_steps(pd.DataFrame(rows))


def test_a_line_and_a_band_a_series_with_the_accuracy_at_each_point() -> None:
    table = _table(("PGD", "TRADES", "HE-PGD"), (0, 1, 4))
    panel = energy_by_steps_panel(table, "eps 0")
    (axes,) = painted(panel)
    assert legend_of(axes) == ["PGD", "TRADES", "HE-PGD"]
    assert len(axes.lines) == len(axes.collections) == 3
    np.testing.assert_allclose(axes.lines[0].get_ydata(), table["mean_energy_x"][:3])
    assert [text.get_text() for text in axes.texts] == ["100%", "50%", "20%"] * 3
    assert [text.get_text() for text in axes.get_xticklabels()] == ["0", "1", "4"]
    assert axes.get_ylabel() == "mean E(x) = −logsumexp of logits"
    assert "accuracy from 100.0% to 20.0%" in panel.alt


@pytest.mark.parametrize("num_images", [1, 2])
def test_one_series_at_one_number_of_steps(num_images: int) -> None:
    (axes,) = painted(energy_by_steps_panel(_table(("PGD",), (5,), num_images), "eps 0", "energy_xy"))
    assert list(axes.lines[0].get_ydata()) == [0]
    assert "E(x, y)" in axes.get_ylabel()


def test_a_panel_an_attack_on_common_axes() -> None:
    generator = np.random.default_rng(0)
    natural = generator.normal(-5, 1, 50)
    attacked = {"PGD (8/255)": natural - 10, "CW": natural}
    panels = attack_panels(natural, attacked, {"PGD (8/255)": 1.0, "CW": 0.5})
    drawn = [painted(panel)[0] for panel in panels]
    assert [panel.name for panel in panels] == ["energy-x-under-pgd-8-255", "energy-x-under-cw"]
    assert [axes.get_title(loc="left") for axes in drawn] == ["PGD (8/255): AUROC 1.00", "CW: AUROC 0.50"]
    assert len({axes.get_xlim() for axes in drawn}) == 1
    for axes, attack in zip(drawn, attacked, strict=True):
        assert legend_of(axes) == ["natural", attack]
        assert [patch.get_data().values.sum() for patch in axes.patches] == pytest.approx([1] * 4)  # nothing cut off


def test_one_attack_that_changes_nothing_of_equal_energies() -> None:
    (panel,) = attack_panels([-3.0, -3.0], {"Square": [-3.0, -3.0]}, {"Square": 0.5}, "energy_xy")
    assert "mean −3.00 for 2 natural images, −3.00 under Square; area under ROC 0.50" in panel.alt
    (axes,) = painted(panel)
    assert axes.get_xlabel().startswith("E(x, y)")
