"""The search's picture: every trial a point, the front a staircase that passes through its trials."""

import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import to_rgba

from advgen_ray.report.plots_pareto import WITHOUT, pareto_panel
from tests.report.painted import legend_of, painted

TRIALS = pd.DataFrame(
    {
        "clean_accuracy": [0.95, 0.90, 0.80, 0.85],
        "robust_accuracy": [0.30, 0.50, 0.60, 0.40],
        "eps": [0.1, 0.5, 1.0, 1.5],
        "beta": [np.nan, 1.0, 6.0, 3.0],
    }
)


def test_front_rises_in_clean_and_falls_in_robust_accuracy() -> None:
    panel = pareto_panel(TRIALS, "eps")
    axes, bar = painted(panel)
    front = axes.lines[0]
    assert list(front.get_xdata()) == [0.80, 0.90, 0.95]
    assert list(front.get_ydata()) == [0.60, 0.50, 0.30]
    assert front.get_drawstyle() == "steps-pre"  # between two trials, the lower robust accuracy
    assert bar.get_ylabel() == "radius eps of training"
    assert [text.get_text() for text in axes.texts] == ["eps 1, beta 6", "eps 0.5, beta 1", "eps 0.1"]
    assert "4 trials, 3 of them on the front" in panel.alt


def test_points_have_the_color_of_their_setting_and_missing_ones_are_grey() -> None:
    axes, _ = painted(pareto_panel(TRIALS, "beta"))
    known, unknown = axes.collections
    assert known.get_array().tolist() == [1, 6, 3]
    assert len(unknown.get_offsets()) == 1
    np.testing.assert_allclose(unknown.get_facecolor()[0], to_rgba(WITHOUT))
    assert legend_of(axes) == ["front", "no beta"]


def test_a_decade_of_settings_is_logarithmic() -> None:
    _, bar = painted(pareto_panel(TRIALS, "eps"))
    assert bar.get_yscale() == "log"
    _, bar = painted(pareto_panel(TRIALS, "beta"))
    assert bar.get_yscale() == "linear"


@pytest.mark.parametrize("beta", [np.nan, 6.0])
def test_one_trial(beta: float) -> None:
    trials = TRIALS.iloc[:1].assign(beta=beta)
    axes = painted(pareto_panel(trials, "beta"))
    assert len(axes) == (1 if np.isnan(beta) else 2)
    assert len(axes[0].lines[0].get_xdata()) == 1
