"""Detectors by attack and HE-PGD by lambda, from one of each to several."""

import numpy as np
import pandas as pd
import pytest

from advgen_ray.analysis.detector_comparison import DetectorScores, compare_detectors, evasion, halves
from advgen_ray.report.plots_detectors import detector_panel, evasion_panels
from tests.report.painted import legend_of, painted


def _comparison(detectors: tuple[str, ...], attacks: tuple[str, ...]) -> pd.DataFrame:
    generator = np.random.default_rng(0)

    def scores(mean: float) -> np.ndarray:
        return generator.normal(mean, 1, 40)

    return compare_detectors(
        {
            name: DetectorScores(halves(scores(0)), {a: halves(scores(2 - i)) for i, a in enumerate(attacks)})
            for name in detectors
        }
    )


@pytest.mark.parametrize(
    ("detectors", "attacks"), [(("energy", "KD+BU", "LID"), ("PGD", "APGD")), (("energy",), ("PGD",))]
)
def test_a_bar_for_each_detector_and_attack(detectors: tuple[str, ...], attacks: tuple[str, ...]) -> None:
    table = _comparison(detectors, attacks)
    panel = detector_panel(table)
    (axes,) = painted(panel)
    assert [bar.get_height() for bar in axes.patches] == table["detection_rate"].tolist()
    centers = [bar.get_x() + bar.get_width() / 2 for bar in axes.patches]
    assert [round(center) for center in centers] == list(range(len(attacks))) * len(detectors)
    assert len(set(np.round(centers, 6))) == len(centers)
    assert legend_of(axes) == ["false positive rate", *detectors]
    assert [text.get_text() for text in axes.get_xticklabels()] == list(attacks)
    assert f"{detectors[0]} on PGD" in panel.alt


@pytest.mark.parametrize("weights", [(0.0, 0.6, 1.2), (0.0,)])
def test_rates_and_energy_by_lambda(weights: tuple[float, ...]) -> None:
    generator = np.random.default_rng(0)
    natural = pd.DataFrame({"energy_x": generator.normal(-8, 1, 60), "correct": True})
    attacked = {
        weight: pd.DataFrame({"energy_x": generator.normal(-14 + 5 * weight, 1, 60), "correct": False})
        for weight in weights
    }
    table = evasion(natural, attacked)
    rates, energy = evasion_panels(table)
    (axes,) = painted(rates)
    assert legend_of(axes) == ["misclassified", "detected", "misclassified, not detected", "false positives"]
    assert list(axes.lines[0].get_xdata()) == list(weights)
    assert list(axes.lines[1].get_ydata()) == table["detection_rate"].tolist()
    assert "misclassified: 100.0% at 0" in rates.alt
    (axes,) = painted(energy)
    assert list(axes.lines[0].get_ydata()) == table["mean_energy_x"].tolist()
    assert axes.lines[2].get_ydata()[0] == -table["threshold"][0]  # in units of energy, as the axis
