"""The search's picture: every trial a point, the front a staircase that passes through its trials."""

import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import to_rgba

from advgen_ray.report.blocks import Panel
from advgen_ray.report.plots_pareto import WITHOUT, pareto_panel
from advgen_ray.report.search_words import Objective
from tests.report.painted import legend_of, painted

TRIALS = pd.DataFrame(
    {
        "clean_accuracy": [0.95, 0.90, 0.80, 0.85],
        "robust_accuracy": [0.30, 0.50, 0.60, 0.40],
        "eps": [0.1, 0.5, 1.0, 1.5],
        "beta": [np.nan, 1.0, 6.0, 3.0],
    }
)


CLEAN, ROBUST = Objective("clean_accuracy", maximize=True), Objective("robust_accuracy", maximize=True)


def _panel(trials: pd.DataFrame, color_by: str) -> Panel:
    return pareto_panel(trials, CLEAN, ROBUST, ["eps", "beta"], color_by)


def test_front_rises_in_clean_and_falls_in_robust_accuracy() -> None:
    panel = _panel(TRIALS, "eps")
    axes, bar = painted(panel)
    front = axes.lines[0]
    assert list(front.get_xdata()) == [0.80, 0.90, 0.95]
    assert list(front.get_ydata()) == [0.60, 0.50, 0.30]
    assert front.get_drawstyle() == "steps-pre"  # between two trials, the lower robust accuracy
    assert bar.get_ylabel() == "eps"
    assert [text.get_text() for text in axes.texts] == ["eps 1, beta 6", "eps 0.5, beta 1", "eps 0.1"]
    assert "4 trials, 3 of them on the front" in panel.alt


def test_points_have_the_color_of_their_setting_and_missing_ones_are_grey() -> None:
    axes, _ = painted(_panel(TRIALS, "beta"))
    known, unknown = axes.collections
    assert known.get_array().tolist() == [1, 6, 3]
    assert len(unknown.get_offsets()) == 1
    np.testing.assert_allclose(unknown.get_facecolor()[0], to_rgba(WITHOUT))
    assert legend_of(axes) == ["front", "no beta"]


def test_a_decade_of_settings_is_logarithmic() -> None:
    _, bar = painted(_panel(TRIALS, "eps"))
    assert bar.get_yscale() == "log"
    _, bar = painted(_panel(TRIALS, "beta"))
    assert bar.get_yscale() == "linear"


@pytest.mark.parametrize("beta", [np.nan, 6.0])
def test_one_trial(beta: float) -> None:
    trials = TRIALS.iloc[:1].assign(beta=beta)
    axes = painted(_panel(trials, "beta"))
    assert len(axes) == (1 if np.isnan(beta) else 2)
    assert len(axes[0].lines[0].get_xdata()) == 1


def test_what_is_to_be_small_makes_a_front_that_rises() -> None:
    trials = pd.DataFrame(
        {"validity": [0.9, 0.95, 0.7, 0.8], "l2_mean": [2.0, 2.5, 1.5, 2.2], "w": [4.0, 15.0, 1.0, 2.0]}
    )
    validity, distance = Objective("validity", maximize=True), Objective("l2_mean", maximize=False)
    axes, _ = painted(pareto_panel(trials, distance, validity, ["w"], "w"))
    assert list(axes.lines[0].get_xdata()) == [1.5, 2.0, 2.5]
    assert list(axes.lines[0].get_ydata()) == [0.7, 0.9, 0.95]
    assert axes.lines[0].get_drawstyle() == "steps-post"  # between two trials, the lower validity
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("mean L2", "validity")


def test_settings_that_are_words_are_series() -> None:
    axes = painted(_panel(TRIALS.assign(eps=["a_b", "c", "c", "a_b"]), "eps"))[0]
    assert legend_of(axes) == ["front", "a b", "c"]
