"""Every seed a point, their mean beside them, and no bar where nothing is known of the spread."""

import numpy as np
import pandas as pd
import pytest

from advgen_ray.analysis.over_seeds import PairedDifference
from advgen_ray.report.plots_seeds import difference_panel, seeds_panel
from tests.report.painted import legend_of, painted

NAMES = {"sat": "SAT"}


def _trainings(seeds: tuple[int, ...]) -> pd.DataFrame:
    rows = [
        {"loss": loss, "seed": seed, "pgd_accuracy": accuracy + 0.02 * seed}
        for loss, accuracy in (("sat", 0.5), ("mart-6", 0.6))
        for seed in seeds
    ]
    return pd.DataFrame(rows)


def test_points_means_and_deviations() -> None:
    panel = seeds_panel(_trainings((0, 1, 2)), "loss", "pgd_accuracy", "robust accuracy", NAMES)
    (axes,) = painted(panel)
    points = [(line.get_xdata()[0], line.get_ydata()[0]) for line in axes.lines if line.get_label().startswith("seed")]
    assert [x for x, _ in points] == pytest.approx([0.5, 0.52, 0.54])
    assert [text.get_text() for text in axes.get_yticklabels()] == ["SAT", "mart-6"]
    assert legend_of(axes) == ["seed 0", "seed 1", "seed 2"]
    first, second = axes.containers
    assert first.lines[0].get_xdata() == pytest.approx([0.52])
    ((start, end),) = (segment[:, 0] for segment in first.lines[2][0].get_segments())
    assert (end - start) / 2 == pytest.approx(0.02)  # one standard deviation of 0, .02, .04
    assert second.lines[0].get_ydata()[0] > 1.0  # below its points, on an axis that points down
    assert axes.yaxis_inverted()
    assert "SAT 52.0%; mart-6 62.0%" in panel.alt


def test_one_seed_has_no_bar() -> None:
    (axes,) = painted(seeds_panel(_trainings((4,)), "loss", "pgd_accuracy", "robust accuracy", NAMES))
    assert not any(container.has_xerr for container in axes.containers)
    (axes,) = painted(difference_panel([PairedDifference("b", "a", "x", {4: 0.1})], "robust accuracy", ["b"]))
    assert not any(container.has_xerr for container in axes.containers)


def test_differences_in_points_beside_zero_with_their_interval() -> None:
    differences = [PairedDifference("b", "a", "pgd_accuracy", {0: 0.01, 1: 0.03, 2: -0.01}),
                   PairedDifference("c", "a", "pgd_accuracy", {0: 0.0, 1: 0.0, 2: 0.0})]  # fmt: skip
    panel = difference_panel(differences, "robust accuracy minus A's", ["B", "C"])
    (axes,) = painted(panel)
    ((start, end),) = (segment[:, 0] for segment in axes.containers[0].lines[2][0].get_segments())
    np.testing.assert_allclose((start, end), 100 * np.array(differences[0].interval))
    assert any(list(line.get_xdata()) == [0.0, 0.0] for line in axes.lines)
    assert axes.get_xlabel() == "robust accuracy minus A's, points"
    assert panel.name == "differences-pgd-accuracy"
    assert "B +1.0; C 0.0" in panel.alt
