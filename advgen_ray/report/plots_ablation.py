"""Pictures of an ablation: validity against distance of every trial, and slices along one setting."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.ticker import FixedLocator, NullLocator

from advgen_ray.analysis.estimate import half_width
from advgen_ray.report import numbers
from advgen_ray.report.ablation_words import OBJECTIVES, by_kind, written_value
from advgen_ray.report.blocks import Panel
from advgen_ray.report.plots_pareto import norm_of
from advgen_ray.report.search_words import KIND, KINDS, setting_name, setting_text
from advgen_ray.report.style import DASHES, INK, MARKERS, SERIES, SMALL, WIDE, draw, file_name, in_percent, legend_above

AXES = {"validity": "validity", "l2_mean": "mean L2", "l0_mean": "mean L0 (share of values changed)"}
FRACTIONS = ("validity", "l0_mean")
COLORS, FAINT = "cividis", "#8b8f94"
MAX_TICKS = 7
VALIDITY_TICKS = (0.0, 0.25, 0.5, 0.75, 0.9, 0.95, 0.99, 1.0)
MARKED = {"base": ("recipe", (30, -52)), "paper": ("paper", (4, -46))}  # where from the point the word stands


def front_panel(trials: pd.DataFrame, distance: str, color_by: str) -> Panel:
    """Validity against ``distance`` ("l2_mean" or "l0_mean"): a marker a neighborhood, colored by a numeric setting.

    Args:
        trials: the settings by dotted key, the objectives, on_front, base and paper.
        distance: which of the two distances; the smaller the better.
        color_by: a setting; on a logarithmic scale where it spans a decade.
    """
    norm, ticks = norm_of(trials[color_by].to_numpy(float)), np.unique(trials[color_by].to_numpy(float))

    def paint(axes: Axes) -> None:
        for label, some in by_kind(trials):
            marker = _marker(label)
            for front, group in some.groupby("on_front"):
                look: dict[str, Any] = (
                    {"s": 60, "edgecolors": INK, "linewidths": 1.2, "zorder": 3}
                    if front
                    else {"s": 26, "edgecolors": FAINT, "linewidths": 0.4, "zorder": 2}
                )
                axes.scatter(
                    group[distance], group["validity"], c=group[color_by], cmap=COLORS, norm=norm, marker=marker, **look
                )
            axes.scatter([], [], marker=marker, color=FAINT, s=36, label=label)
        axes.scatter([], [], marker="o", facecolors="none", edgecolors=INK, linewidths=1.2, s=52, label="on the front")
        where = FixedLocator(list(ticks)) if len(ticks) <= MAX_TICKS else None
        bar = axes.figure.colorbar(
            ScalarMappable(norm, COLORS), ax=axes, label=setting_name(color_by), format="%g", ticks=where
        )
        bar.ax.minorticks_off()
        _stretch(axes, float(trials["validity"].min()))
        _mark(axes, trials, distance)
        axes.set(xlabel=AXES[distance], ylabel=AXES["validity"])
        axes.margins(x=0.08)
        if distance in FRACTIONS:
            in_percent(axes.xaxis)
        legend_above(axes, num_columns=2, handlelength=0.8)

    front = trials[trials["on_front"]].sort_values("validity", ascending=False)
    told = "; ".join(
        f"{setting_text(trial[KIND])}, {setting_name(color_by)} {setting_text(trial[color_by])}: "
        f"{numbers.percent(trial['validity'])} valid, {OBJECTIVES[distance]} {written_value(distance, trial[distance])}"
        for _, trial in front.iterrows()
    )
    alt = f"{numbers.counted(len(trials), 'trial')}, {len(front)} of them on the front of validity, L2 and L0. {told}."
    return draw(file_name(f"front {distance.partition('_')[0]} by {color_by.rpartition('.')[2]}"), alt, WIDE, paint)


def slice_panels(trials: pd.DataFrame, key: str, reference: Any, joined: bool) -> list[Panel]:
    """Each objective against one setting, a color a neighborhood, with 95% intervals.

    Args:
        trials: those of ``analysis.ce_ablation.slice_of``, or any others.
        key: the setting along which they are cut.
        reference: its value in the recipe; a dotted line.
        joined: by lines, as nothing but ``key`` and the neighborhood differs; a neighborhood of one point is left out.
    """
    return [_slice(trials, key, reference, name, joined) for name in OBJECTIVES]


def _slice(trials: pd.DataFrame, key: str, reference: Any, name: str, joined: bool) -> Panel:
    places = _places(trials[key].tolist())
    lines = {label: some.sort_values(key) for label, some in by_kind(trials) if some[key].nunique() > 1 or not joined}

    def paint(axes: Axes) -> None:
        for label, line in lines.items():
            index = list(KINDS.values()).index(label)
            axes.errorbar(
                [places[value] for value in line[key]], line[name], yerr=_half_widths(line, name), label=label,
                color=SERIES[index], linestyle=DASHES[index] if joined else "", marker=_marker(label), markersize=4.5,
                capsize=2, elinewidth=0.9,
            )  # fmt: skip
        if reference in places:
            axes.axvline(places[reference], color=INK, linewidth=0.8, linestyle=":", zorder=0)
        _ticks(axes, key, places)
        axes.set(xlabel=setting_name(key), ylabel=OBJECTIVES[name])
        if name in FRACTIONS:
            in_percent(axes.yaxis)
        legend_above(axes, num_columns=2, handlelength=1.6)

    told = "; ".join(
        f"{label}: "
        + ", ".join(f"{setting_text(row[key])}: {written_value(name, row[name])}" for _, row in line.iterrows())
        for label, line in lines.items()
    )
    alt = f"{OBJECTIVES[name]} by {setting_name(key)}. {told}."
    return draw(file_name(f"slice {key.rpartition('.')[2]} {name.partition('_')[0]}"), alt, SMALL, paint)


def _stretch(axes: Axes, lowest: float) -> None:
    """Validity by the root of what is missing to 1: near there are the settings that matter, and 1 has a place."""
    axes.set_yscale("function", functions=(lambda v: -np.sqrt(np.clip(1 - v, 0, None)), lambda u: 1 - u**2))
    low = max([tick for tick in VALIDITY_TICKS if tick <= lowest], default=0.0)
    shown = [tick for tick in VALIDITY_TICKS if tick >= low]
    axes.yaxis.set_major_locator(FixedLocator(shown))
    axes.yaxis.set_minor_locator(NullLocator())
    axes.set_ylim(low - 0.06 * (1 - low), 1.0)
    for points in axes.collections:
        points.set_clip_on(False)  # those at 1 lie on the edge
    in_percent(axes.yaxis)


def _mark(axes: Axes, trials: pd.DataFrame, distance: str) -> None:
    """Name the recipe's and the paper's setting; they may be one."""
    for mark, (word, offset) in MARKED.items():
        for _, trial in trials[trials[mark]].iterrows():
            both = trial["base"] and trial["paper"]
            if both and mark == "paper":
                continue
            axes.annotate(
                "recipe and paper" if both else word, (trial[distance], trial["validity"]), offset, fontsize=8.5,
                textcoords="offset points", color=INK, zorder=4,
                arrowprops={"arrowstyle": "-", "color": INK, "linewidth": 0.8, "shrinkB": 4},
                bbox={"facecolor": "white", "alpha": 0.8, "edgecolor": "none", "pad": 0.5},
            )  # fmt: skip


def _ticks(axes: Axes, key: str, places: Mapping[Any, float]) -> None:
    numeric = all(value == place for value, place in places.items())
    if numeric and min(places) > 0 and max(places) >= 8 * min(places):
        axes.set_xscale("log")
    if len(places) <= MAX_TICKS:
        axes.xaxis.set_major_locator(FixedLocator(list(places.values())))
        axes.xaxis.set_minor_locator(NullLocator())
        axes.set_xticklabels([setting_text(value) for value in places])


def _places(values: Sequence[Any]) -> Mapping[Any, float]:
    """Where on an axis: numbers where they are, names side by side."""
    if all(isinstance(value, (int, float)) for value in values):
        return {value: value for value in sorted(set(values))}
    return {value: float(index) for index, value in enumerate(dict.fromkeys(values))}


def _half_widths(line: pd.DataFrame, name: str) -> np.ndarray:
    """Below and above ``[2, N]``: 95% over sources."""
    if name == "validity":
        return np.array([line[name] - line["validity_low"], line["validity_high"] - line[name]]).clip(0)
    return np.array([half_width(line[name.replace("_mean", "_se")], line["num_sources"])] * 2)


def _marker(label: str) -> str:
    return MARKERS[list(KINDS.values()).index(label)]
