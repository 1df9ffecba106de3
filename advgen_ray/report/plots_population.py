"""A population on its way: the settings of every trial, who took over from whom, what was reached."""

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.colors import LogNorm
from matplotlib.ticker import PercentFormatter

from advgen_ray.report import numbers
from advgen_ray.report.blocks import Panel
from advgen_ray.report.plots_pareto import is_number, norm_of
from advgen_ray.report.search_words import Objective, setting_name, setting_text
from advgen_ray.report.style import BLUE, VERMILLION, WIDE, draw, in_percent, legend_above

OTHERS, TAKEOVER, BEST = "#8b8f94", VERMILLION, BLUE
LABELS = {"others": "a trial", "takeover": "takes over", "best": "way to the best"}


def setting_panel(table: pd.DataFrame, key: str, keys: Sequence[str]) -> Panel:
    """One setting: a line a trial and round, and from whom a trial takes over to what it goes on with.

    ``table`` has a row a trial and round, as ``stages.search_results.schedule_table`` makes it.
    """
    name, numeric = setting_name(key, keys), is_number(table[key])
    words = [] if numeric else sorted(set(table[key]))
    heights = table[key].astype(float) if numeric else table[key].map(words.index)
    share = 1 / table["round"].max()

    def paint(axes: Axes) -> None:
        for row, height in zip(table.to_dict("records"), heights, strict=True):
            look = _look(row["in_best"])
            axes.plot([row["until"] - share, row["until"]], [height, height], **look)
            if row["takes_over"]:
                begin = row["until"] - share
                axes.plot([begin, begin], [heights[_source(table, row)], height], **(look | {"linestyle": ":"}))
                axes.plot([begin], [height], **_mark())
        if numeric and isinstance(norm_of(heights.to_numpy()), LogNorm):
            axes.set_yscale("log")
        if words:
            axes.set_yticks(range(len(words)), [setting_text(word) for word in words])
        _finish(axes, name)

    ways = ", ".join(setting_text(value) for value in table[table["in_best"]][key])
    alt = f"{name} by share of the way, {_population(table)} On the way to the best trial it was {ways}."
    return draw(f"population-{key.replace('.', '-')}", alt, WIDE, paint)


def reached_panel(table: pd.DataFrame, objective: Objective) -> Panel:
    """What the trials had reached at the end of each round, each joined to the trial whose state it went on from."""

    def paint(axes: Axes) -> None:
        for row in table.to_dict("records"):
            look, here = _look(row["in_best"]), (row["until"], row[objective.metric])
            before = table.loc[_source(table, row)] if row["source"] else None
            line = [here] if before is None else [(before["until"], before[objective.metric]), here]
            axes.plot(*zip(*line, strict=True), **look, marker="o", markersize=3)
            if row["takes_over"]:
                axes.plot([line[0][0]], [line[0][1]], **_mark())
        if objective.is_share:
            in_percent(axes.yaxis)
        _finish(axes, objective.name)

    ways = ", ".join(objective.written(value) for value in table[table["in_best"]][objective.metric])
    alt = f"{objective.name} at the end of each round, {_population(table)} On the way to the best trial: {ways}."
    return draw(f"population-{objective.metric.replace('.', '-')}", alt, WIDE, paint)


def _source(table: pd.DataFrame, row: Mapping[Any, Any]) -> int:
    """The row of the round before whose state this one goes on from."""
    return int(table.index[(table["round"] == row["round"] - 1) & (table["trial"] == row["source"])][0])


def _look(in_best: bool) -> dict[str, Any]:
    """The best trial's way thick and in front."""
    if in_best:
        return {"color": BEST, "linewidth": 2.8, "zorder": 3}
    return {"color": OTHERS, "linewidth": 1.1, "zorder": 2}


def _mark() -> dict[str, Any]:
    return {"color": TAKEOVER, "marker": "D", "markersize": 5, "linestyle": "", "zorder": 4}


def _finish(axes: Axes, name: str) -> None:
    axes.set(xlabel="share of the way", ylabel=name, xlim=(-0.02, 1.02))
    axes.xaxis.set_major_formatter(PercentFormatter(1.0, decimals=0))
    looks = {"others": _look(False), "takeover": _mark(), "best": _look(True)}
    for kind, look in looks.items():
        axes.plot([], [], **look, label=LABELS[kind])
    legend_above(axes, num_columns=3)


def _population(table: pd.DataFrame) -> str:
    trials, rounds, takeovers = table["trial"].nunique(), table["round"].max(), int(table["takes_over"].sum())
    told = numbers.counted(trials, "trial"), numbers.counted(rounds, "round"), numbers.counted(takeovers, "takeover")
    return "{} in {}, {}.".format(*told)
