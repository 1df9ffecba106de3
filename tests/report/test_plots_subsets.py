"""Which images are left out: all of them in the histogram, each set's in its row."""

import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import to_rgba

from advgen_ray.report.plots_subsets import left_out_panel, strata_panel
from advgen_ray.report.style import ATTACKED, NATURAL
from tests.report.painted import legend_of, painted


def _training(num_incorrect: int) -> pd.DataFrame:
    energy = np.linspace(-10, -2, 100)
    ids = [f"i{i:03d}" for i in range(100)]
    return pd.DataFrame({"item_id": ids, "energy_x": energy, "correct": np.arange(100) < 100 - num_incorrect})


@pytest.mark.parametrize("num_incorrect", [0, 10, 100])
def test_every_image_is_counted_once_between_two_thresholds(num_incorrect: int) -> None:
    panel = strata_panel(_training(num_incorrect), low=-9.0, high=-3.0)
    (axes,) = painted(panel)
    assert sum(bar.get_height() for bar in axes.patches) == 100
    incorrect = [bar for bar in axes.patches if bar.get_facecolor()[:3] == to_rgba(ATTACKED)[:3]]
    assert sum(bar.get_height() for bar in incorrect) == num_incorrect
    assert [line.get_xdata()[0] for line in axes.lines] == [-9.0, -3.0]
    assert legend_of(axes) == ["incorrect", "correct"]
    assert f"{num_incorrect} incorrect" in panel.alt


def test_a_row_a_set_in_the_colors_of_correctness() -> None:
    training = _training(10)
    left_out = {"I": tuple(training["item_id"][-10:]), "H": tuple(training["item_id"][80:90]), "L": ()}
    panel = left_out_panel(training, left_out)
    (axes,) = painted(panel)
    drawn = [(c.get_offsets()[0][1], len(c.get_offsets()), tuple(c.get_edgecolor()[0][:3])) for c in axes.collections
             if len(c.get_offsets())]  # fmt: skip
    assert drawn == [(0, 10, to_rgba(ATTACKED)[:3]), (1, 10, to_rgba(NATURAL)[:3])]
    assert [text.get_text() for text in axes.get_yticklabels()] == ["I (10)", "H (10)", "L (0)"]
    assert "I leaves out 10, H leaves out 10, L leaves out 0" in panel.alt
