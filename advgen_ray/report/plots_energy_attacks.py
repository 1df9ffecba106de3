"""Pictures of energies under attack: by number of steps (S003 figures 2b, 3b), by attack (S001 figure C)."""

from collections.abc import Mapping

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.patheffects import withStroke
from numpy.typing import ArrayLike

from advgen_ray.report import numbers
from advgen_ray.report.blocks import Panel
from advgen_ray.report.plots_energy import AXIS_NAMES, paint_histograms
from advgen_ray.report.style import (
    DASHES,
    MARKERS,
    SERIES,
    SMALL,
    WIDE,
    draw,
    file_name,
    in_percent,
    legend_above,
)

NUM_BINS = 40


def energy_by_steps_panel(table: pd.DataFrame, name: str, energy: str = "energy_x") -> Panel:
    """Mean energy against steps of the attack, shaded by one standard deviation, the accuracy written at each point.

    ``table`` is that of ``analysis.energy_by_steps``, a line a series; ``name`` says what all of them are of.
    """
    steps = sorted(set(table["num_steps"]))

    def paint(axes: Axes) -> None:
        for index, (series, line) in enumerate(table.groupby("series", sort=False)):
            color = SERIES[index % len(SERIES)]
            places = np.array([steps.index(step) for step in line["num_steps"]])
            mean, spread = line[f"mean_{energy}"].to_numpy(float), line[f"std_{energy}"].fillna(0.0).to_numpy(float)
            axes.fill_between(places, mean - spread, mean + spread, color=color, alpha=0.13, linewidth=0)
            axes.plot(
                places, mean, color=color, marker=MARKERS[index % len(MARKERS)], linestyle=DASHES[index % len(DASHES)],
                label=str(series),
            )  # fmt: skip
            offset, side = ((0, 5), "bottom") if index % 2 == 0 else ((0, -5), "top")
            for place, value, accuracy in zip(places, mean, line["accuracy"], strict=True):
                axes.annotate(
                    numbers.percent(accuracy, 0), (place, value), offset, textcoords="offset points", color=color,
                    ha="center", va=side, fontsize=7, path_effects=[withStroke(linewidth=2, foreground="white")],
                )  # fmt: skip
        axes.set_xticks(range(len(steps)), [str(step) for step in steps])
        axes.set(xlabel="steps of the attack", ylabel=f"mean {AXIS_NAMES[energy]}")
        axes.margins(x=0.06, y=0.1)
        legend_above(axes, num_columns=2)

    file = f"{energy.replace('_', '-')}-by-steps-{file_name(name)}"
    return draw(file, f"{name}: {_told_by_steps(table, energy)}", WIDE, paint)


def _told_by_steps(table: pd.DataFrame, energy: str) -> str:
    told = []
    for series, line in table.groupby("series", sort=False):
        first, last = line.iloc[0], line.iloc[-1]
        told.append(
            f"{series}: from {numbers.decimal(first[f'mean_{energy}'])} at {first['num_steps']} steps to "
            f"{numbers.decimal(last[f'mean_{energy}'])} at {last['num_steps']}, accuracy from "
            f"{numbers.percent(first['accuracy'])} to {numbers.percent(last['accuracy'])}."
        )
    return "mean energy by number of attack steps. " + " ".join(told)


def attack_panels(
    natural: ArrayLike, attacked: Mapping[str, ArrayLike], aurocs: Mapping[str, float], energy: str = "energy_x"
) -> list[Panel]:
    """S001 figure C: one panel an attack, its energies over the natural ones, on common axes.

    ``aurocs`` are those of ``analysis.detector_comparison.energy_separation`` for this energy.
    """
    natural = np.asarray(natural, dtype=float)
    values = {attack: np.asarray(energies, dtype=float) for attack, energies in attacked.items()}
    everything = np.concatenate([natural, *values.values()])
    edges = np.linspace(
        everything.min(), everything.max() if np.ptp(everything) else everything.min() + 1, NUM_BINS + 1
    )
    return [_histogram(natural, one, edges, attack, aurocs[attack], energy) for attack, one in values.items()]


def _histogram(
    natural: np.ndarray, attacked: np.ndarray, edges: np.ndarray, attack: str, auroc: float, energy: str
) -> Panel:
    def paint(axes: Axes) -> None:
        paint_histograms(axes, natural, attacked, edges, attack)
        axes.set(xlabel=AXIS_NAMES[energy], ylabel="share of images per bin")
        axes.set_title(f"{attack}: AUROC {numbers.decimal(auroc)}", pad=21)
        in_percent(axes.yaxis)
        legend_above(axes, num_columns=2, handlelength=1.4)

    alt = (
        f"Histograms of {AXIS_NAMES[energy]}: mean {numbers.decimal(float(natural.mean()))} for {len(natural)} natural "
        f"images, {numbers.decimal(float(attacked.mean()))} under {attack}; area under ROC {numbers.decimal(auroc)}."
    )
    return draw(f"{energy.replace('_', '-')}-under-{file_name(attack)}", alt, SMALL, paint)
