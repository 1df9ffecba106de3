"""Parallel coordinates: a line a trial, the best in front, each axis on the scale of what it shows."""

import numpy as np
import pandas as pd

from advgen_ray.report.plots_parallel import parallel_panel
from advgen_ray.report.search_words import Objective
from tests.report.painted import painted

TRIALS = pd.DataFrame(
    {
        "attack.eps": [1.0, 0.1, 10.0],
        "loss": ["sat", "trades", "mail_trades"],
        "robust_accuracy": [0.6, 0.5, np.nan],
        "seconds": [3.0, 1.0, 2.0],
    }
)
OBJECTIVES = [Objective("robust_accuracy", maximize=True), Objective("seconds", maximize=False)]


def test_each_line_passes_through_its_trials_values() -> None:
    panel = parallel_panel(TRIALS, ["attack.eps", "loss"], OBJECTIVES)
    (axes,) = painted(panel)
    lines = [line for line in axes.lines if len(line.get_xdata()) == 4]
    third, second, best = (np.asarray(line.get_ydata()) for line in lines)
    np.testing.assert_allclose(best, [0.5, 0.5, 1.0, 0.0])  # eps by its logarithm; few seconds are high
    np.testing.assert_allclose(second, [0.0, 1.0, 0.0, 1.0])
    np.testing.assert_allclose(third, [1.0, 0.0, np.nan, 0.5])
    assert lines[-1].get_linewidth() > lines[0].get_linewidth(), "the best is drawn last, and thick"
    assert [text.get_text() for text in axes.get_xticklabels()] == ["eps", "loss", "robust accuracy", "seconds"]
    texts = [text.get_text() for text in axes.texts]
    assert {"0.1", "1", "10", "mail trades", "sat", "trades", "50.0%", "60.0%"} <= set(texts)
    assert "3 trials as lines over eps, loss, robust accuracy, seconds" in panel.alt
    assert "60.0%: eps 1, loss sat" in panel.alt


def test_one_value_of_everything_is_drawn_too() -> None:
    (axes,) = painted(parallel_panel(TRIALS.iloc[:1], ["attack.eps", "loss"], OBJECTIVES))
    assert np.isfinite(np.asarray(axes.lines[0].get_ydata())).all()
