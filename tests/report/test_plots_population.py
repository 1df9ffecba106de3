"""A population's pictures: a line a trial and round, takeovers marked where they lead, the best trial's way thick."""

from typing import Any

import numpy as np
import pandas as pd
import pytest
from matplotlib.axes import Axes

from advgen_ray.report.plots_population import BEST, TAKEOVER, reached_panel, setting_panel
from advgen_ray.report.population_section import population_section
from advgen_ray.report.search_words import Objective
from tests.report.painted import legend_of, painted

ROBUST = Objective("robust_accuracy", maximize=True)


def _row(number: int, trial: str, source: str, eps: float, loss: str, reached: float, best: bool) -> dict[str, Any]:
    takes_over = source not in ("", trial)
    return {
        "round": number, "until": number / 2, "trial": trial, "source": source, "takes_over": takes_over,
        "failed": "" if reached else "the loss is nan", "attack.eps": eps, "loss": loss,
        "robust_accuracy": reached or np.nan, "in_best": best,
    }  # fmt: skip


TABLE = pd.DataFrame(
    [
        _row(1, "01", "", 0.1, "sat", 0.6, True), _row(1, "02", "", 2.0, "mart", 0.0, False),
        _row(2, "01", "01", 0.1, "sat", 0.7, False), _row(2, "02", "01", 0.2, "mart", 0.8, True),
    ]
)  # fmt: skip


def _lines(axes: Axes, **look: Any) -> list[list[list[float]]]:
    """The places of the lines with data that look so, in order."""
    found = [line for line in axes.lines if all(getattr(line, f"get_{key}")() == value for key, value in look.items())]
    return [np.asarray(line.get_xydata()).tolist() for line in found if len(line.get_xydata())]


def test_a_setting_is_a_line_a_round_and_a_takeover_leads_to_it() -> None:
    panel = setting_panel(TABLE, "attack.eps", ["attack.eps", "loss"])
    (axes,) = painted(panel)
    assert _lines(axes, color=BEST, linestyle="-") == [[[0, 0.1], [0.5, 0.1]], [[0.5, 0.2], [1, 0.2]]]
    assert _lines(axes, linestyle=":") == [[[0.5, 0.1], [0.5, 0.2]]], "from the source's setting to the taker's"
    assert _lines(axes, color=TAKEOVER) == [[[0.5, 0.2]]]
    assert axes.get_yscale() == "log", "it spans more than a decade"
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("share of the way", "eps")
    assert legend_of(axes) == ["a trial", "takes over", "way to the best"]
    assert panel.alt == (
        "eps by share of the way, 2 trials in 2 rounds, 1 takeover. On the way to the best trial it was 0.1, 0.2."
    )


def test_a_setting_of_words_has_a_height_a_word() -> None:
    (axes,) = painted(setting_panel(TABLE, "loss", ["loss"]))
    assert [text.get_text() for text in axes.get_yticklabels()] == ["mart", "sat"]
    assert _lines(axes, linestyle=":") == [[[0.5, 1.0], [0.5, 0.0]]]


def test_what_is_reached_follows_the_state_that_was_continued() -> None:
    panel = reached_panel(TABLE, ROBUST)
    (axes,) = painted(panel)
    assert _lines(axes, color=BEST) == [[[0.5, 0.6]], [[0.5, 0.6], [1.0, 0.8]]]
    assert _lines(axes, color=TAKEOVER) == [[[0.5, 0.6]]]
    assert panel.alt.endswith("On the way to the best trial: 60.0%, 80.0%.")


def test_the_table_of_takeovers_says_what_was_given_up_and_gone_on_with() -> None:
    section = population_section(TABLE, ["attack.eps"], [ROBUST])
    figure, table = section.blocks
    assert table.rows == [["50%", "02 from 01", "failed: the loss is nan", "60.0%", "eps 0.1", "eps 0.2"]]  # type: ignore[union-attr]
    assert len(figure.panels) == 2  # type: ignore[union-attr]


@pytest.mark.parametrize("key", ["attack.eps", "loss"])
def test_one_trial_that_never_changes_is_drawn_too(key: str) -> None:
    painted(setting_panel(TABLE[TABLE["trial"] == "01"].reset_index(drop=True), key, [key]))


def test_a_trial_and_a_round_are_counted_as_one() -> None:
    assert "1 trial in 1 round, 0 takeovers." in setting_panel(TABLE.iloc[:1], "attack.eps", ["attack.eps"]).alt
    section = population_section(TABLE.iloc[:1], ["attack.eps"], [ROBUST])
    assert getattr(section.blocks[0], "caption", "").startswith("1 trial in 1 round. A dotted line")
