"""The picture of a search with two objectives or more: every trial, and the front that no trial beats."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.colors import LogNorm, Normalize
from matplotlib.ticker import LogLocator

from advgen_ray.analysis.pareto import on_front
from advgen_ray.report import numbers
from advgen_ray.report.blocks import Panel
from advgen_ray.report.search_words import Objective, setting_name, settings_text
from advgen_ray.report.style import INK, MARKERS, SERIES, WIDE, draw, in_percent, legend_above

MAX_NAMED = 8  # points of the front that are told by their settings; more would overlap
WITHOUT = "#b8bbbf"


def pareto_panel(trials: pd.DataFrame, across: Objective, up: Objective, keys: Sequence[str], color_by: str) -> Panel:
    """One objective over another, one point a trial, coloured by a setting, with the front of the two drawn.

    Args:
        trials: a row each: both objectives and every setting; those with a value that is not finite are left out.
        across: the objective along x.
        up: the objective along y.
        keys: the settings.
        color_by: one of them; numbers on a scale, logarithmic where they span a decade, words as series.
    """
    known = trials[np.isfinite(trials[across.metric]) & np.isfinite(trials[up.metric])]
    x, y = known[across.metric], known[up.metric]
    front = known[on_front(x, y, maximize=[across.maximize, up.maximize])].sort_values(across.metric)

    def paint(axes: Axes) -> None:
        # Between two trials nothing better is known than the worse of both: a staircase.
        axes.step(
            front[across.metric], front[up.metric], where="pre" if across.maximize else "post", color=INK,
            linewidth=1.2, zorder=1, label="front",
        )  # fmt: skip
        _points(axes, known, across.metric, up.metric, color_by, setting_name(color_by, keys))
        if len(front) <= MAX_NAMED:
            for _, trial in front.iterrows():
                axes.annotate(
                    settings_text({key: trial[key] for key in keys}), (trial[across.metric], trial[up.metric]), (5, 4),
                    textcoords="offset points", fontsize=7, color=INK,
                )  # fmt: skip
        axes.set(xlabel=across.name, ylabel=up.name)
        axes.margins(0.12)
        for axis, objective in ((axes.xaxis, across), (axes.yaxis, up)):
            if objective.is_share:
                in_percent(axis)
        legend_above(axes, num_columns=3)

    told = "; ".join(
        f"{settings_text({key: trial[key] for key in keys})}: {across.name} {across.written(trial[across.metric])}, "
        f"{up.name} {up.written(trial[up.metric])}"
        for _, trial in front.iterrows()
    )
    alt = f"{numbers.counted(len(known), 'trial')}, {len(front)} of them on the front. {told}."
    return draw(f"front-{up.metric}-{color_by}", alt, WIDE, paint)


def norm_of(values: np.ndarray) -> Normalize:
    """The scale of a setting's colors: logarithmic where it spans a decade."""
    low, high = float(values.min()), float(values.max())
    if low == high:
        return Normalize(low - 0.5, high + 0.5)
    return LogNorm(low, high) if low > 0 and high >= 10 * low else Normalize(low, high)


def is_number(setting: pd.Series) -> bool:
    """Whether a setting's values are numbers, some perhaps missing."""
    return bool(pd.to_numeric(setting, errors="coerce").notna().any())


def _points(axes: Axes, trials: pd.DataFrame, x: str, y: str, key: str, name: str) -> None:
    if not is_number(trials[key]):
        for number, (value, some) in enumerate(trials.groupby(key, sort=True)):
            axes.scatter(
                some[x], some[y], color=SERIES[number % len(SERIES)], marker=MARKERS[number % len(MARKERS)], s=46,
                edgecolors="white", linewidths=0.6, zorder=2, label=str(value).replace("_", " "),
            )  # fmt: skip
        return
    setting = pd.to_numeric(trials[key], errors="coerce").to_numpy(float)
    known = np.isfinite(setting)
    points = axes.scatter(
        trials.loc[known, x], trials.loc[known, y], c=setting[known], cmap="cividis", norm=norm_of(setting[known]),
        s=46, edgecolors="white", linewidths=0.6, zorder=2,
    )  # fmt: skip
    ticks = LogLocator(subs=(1, 2, 5)) if isinstance(points.norm, LogNorm) else None
    bar = axes.figure.colorbar(points, ax=axes, label=name, format="%g", ticks=ticks)
    bar.ax.minorticks_off()
    if not known.all():
        axes.scatter(
            trials.loc[~known, x], trials.loc[~known, y], color=WITHOUT, s=40, marker="X", edgecolors="white",
            linewidths=0.6, zorder=2, label=f"no {name}",
        )  # fmt: skip
