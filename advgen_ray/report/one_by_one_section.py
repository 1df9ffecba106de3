"""The section of an ablation: what each setting does by itself, all else being as in the base."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from advgen_ray.report.blocks import Figure, Panel, Section, Table
from advgen_ray.report.search_words import Objective, setting_name, setting_text
from advgen_ray.report.style import DASHES, GRID, MARKERS, SERIES, WIDE, draw, legend_above

SEED = "seed"  # where it varies too, its trials say how much of a difference is luck


def one_by_one_section(
    trials: pd.DataFrame, space: Sequence[Mapping[str, Any]], objectives: Sequence[Objective], base: Mapping[str, Any]
) -> Section:
    """``trials`` that came to their end; ``space`` the values of each ``key`` as tables call them, ``base`` its own."""
    keys = [parameter["key"] for parameter in space]
    luck = {one.metric: spread for one in objectives if (spread := _spread(trials, keys, base, one.metric))}
    shown = [parameter for parameter in space if parameter["key"] != SEED]
    sentences = ["Every trial differs from the base, whose values are in bold below, in one setting."]
    if luck:
        told = "; ".join(f"{one.name} {_range(one, *luck[one.metric])}" for one in objectives if one.metric in luck)
        sentences.append(f"Other seeds give the base {told}: what lies no farther from the base may be luck.")
    figure = Figure(
        "Each setting by itself",
        "Points are trials"
        + ("; bands, or lines where there is one, are what other seeds make of the base." if luck else "."),
        [_panel(trials, parameter, keys, objectives, base, luck) for parameter in shown],
        size="wide",
    )
    rows = [
        [
            f"{setting_name(parameter['key'], keys)}: {setting_text(value)}" + (" (base)" if is_base else ""),
            *(one.written(_value(trials, keys, base, parameter["key"], value, one.metric)) for one in objectives),
        ]
        for parameter in space
        for value in parameter["values"]
        for is_base in [value == base[parameter["key"]]]
    ]
    table = Table("Setting by setting", "", ["Setting", *(one.name for one in objectives)], rows)
    return Section("one-by-one", "What each setting does", sentences, [figure, table])


def _panel(
    trials: pd.DataFrame,
    parameter: Mapping[str, Any],
    keys: Sequence[str],
    objectives: Sequence[Objective],
    base: Mapping[str, Any],
    luck: Mapping[str, tuple[float, float]],
) -> Panel:
    key, values = parameter["key"], list(parameter["values"])
    name = setting_name(key, keys)
    heights = {one: [_value(trials, keys, base, key, value, one.metric) for value in values] for one in objectives}

    def paint(axes: Axes) -> None:
        for place, (one, found) in enumerate(heights.items()):
            colour = SERIES[place % len(SERIES)]
            if one.metric in luck:
                low, high = luck[one.metric]
                axes.axhspan(low, high, color=colour, alpha=0.12, linewidth=0 if low < high else 1.5)
            axes.plot(
                range(len(values)), found, color=colour, marker=MARKERS[place % len(MARKERS)],
                linestyle=DASHES[place % len(DASHES)], label=one.name,
            )  # fmt: skip
        axes.set_xticks(range(len(values)), [_broken(setting_text(value)) for value in values], fontsize=7.5)
        for tick, value in zip(axes.get_xticklabels(), values, strict=True):
            tick.set_fontweight("bold" if value == base[key] else "normal")
        axes.set_title(name[0].upper() + name[1:], pad=8 + 14 * -(-len(objectives) // 2))
        axes.grid(axis="x", color=GRID)
        axes.margins(x=0.15)
        legend_above(axes, num_columns=2)

    told = "; ".join(
        f"{one.name}: " + ", ".join(f"{setting_text(v)} {one.written(f)}" for v, f in zip(values, found, strict=True))
        for one, found in heights.items()
    )
    return draw(f"one-by-one-{key}", f"By {name}. {told}.", WIDE, paint)


def _value(
    trials: pd.DataFrame, keys: Sequence[str], base: Mapping[str, Any], key: str, value: Any, metric: str
) -> float:
    """Of the trial that has this value and all else as the base; nan where it did not come to its end."""
    wanted = {**base, key: value}
    chosen = np.logical_and.reduce([trials[one].to_numpy() == wanted[one] for one in keys])
    return float(trials.loc[chosen, metric].iloc[0]) if chosen.any() else float("nan")


def _spread(
    trials: pd.DataFrame, keys: Sequence[str], base: Mapping[str, Any], metric: str
) -> tuple[float, float] | None:
    """The least and the largest that seeds other than the base's own give it."""
    if SEED not in keys:
        return None
    others = [seed for seed in trials[SEED].unique() if seed != base[SEED]]
    found = [_value(trials, keys, base, SEED, seed, metric) for seed in others]
    known = [value for value in found if np.isfinite(value)]
    return (min(known), max(known)) if known else None


def _range(objective: Objective, low: float, high: float) -> str:
    return " to ".join(dict.fromkeys((objective.written(low), objective.written(high))))


def _broken(text: str) -> str:
    """Long names of blocks, a part on each line."""
    return text.replace(", ", "\n")
