"""The picture of a search: clean against robust accuracy of every trial, and the front that no trial beats."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.colors import LogNorm, Normalize
from matplotlib.ticker import LogLocator

from advgen_ray.analysis.pareto import on_front
from advgen_ray.report import numbers
from advgen_ray.report.blocks import Panel
from advgen_ray.report.style import INK, WIDE, draw, in_percent, legend_above

NAMES = {"eps": "radius eps of training", "beta": "beta"}
MAX_NAMED = 8  # points of the front that are told by their settings; more would overlap
WITHOUT = "#b8bbbf"


def pareto_panel(trials: pd.DataFrame, color_by: str) -> Panel:
    """Robust against clean accuracy, one point a trial, colored by ``"eps"`` or ``"beta"``, with the front drawn.

    Args:
        trials: clean_accuracy, robust_accuracy (fractions), eps, beta; a beta that is missing is grey.
        color_by: which of the two settings; on a logarithmic scale where it spans a decade.
    """
    front = trials[on_front(trials["clean_accuracy"], trials["robust_accuracy"])].sort_values("clean_accuracy")
    setting = trials[color_by].to_numpy(float)
    known = np.isfinite(setting)

    def paint(axes: Axes) -> None:
        # Between two trials nothing better is known than the worse of both accuracies: a staircase.
        axes.step(
            front["clean_accuracy"], front["robust_accuracy"], where="pre", color=INK, linewidth=1.2, zorder=1,
            label="front",
        )  # fmt: skip
        if known.any():
            points = axes.scatter(
                trials.loc[known, "clean_accuracy"], trials.loc[known, "robust_accuracy"], c=setting[known],
                cmap="cividis", norm=norm_of(setting[known]), s=46, edgecolors="white", linewidths=0.6, zorder=2,
            )  # fmt: skip
            ticks = LogLocator(subs=(1, 2, 5)) if isinstance(points.norm, LogNorm) else None
            bar = axes.figure.colorbar(points, ax=axes, label=NAMES[color_by], format="%g", ticks=ticks)
            bar.ax.minorticks_off()
        if not known.all():
            axes.scatter(
                trials.loc[~known, "clean_accuracy"], trials.loc[~known, "robust_accuracy"], color=WITHOUT, s=40,
                marker="X", edgecolors="white", linewidths=0.6, zorder=2, label=f"no {color_by}",
            )  # fmt: skip
        if len(front) <= MAX_NAMED:
            for _, trial in front.iterrows():
                axes.annotate(
                    _settings(trial), (trial["clean_accuracy"], trial["robust_accuracy"]), (5, 4),
                    textcoords="offset points", fontsize=7, color=INK,
                )  # fmt: skip
        axes.set(xlabel="clean accuracy", ylabel="robust accuracy")
        axes.margins(0.12)
        in_percent(axes.xaxis)
        in_percent(axes.yaxis)
        legend_above(axes, num_columns=2)

    told = "; ".join(
        f"{_settings(trial)}: clean {numbers.percent(trial['clean_accuracy'])}, robust "
        f"{numbers.percent(trial['robust_accuracy'])}"
        for _, trial in front.iterrows()
    )
    alt = f"{len(trials)} trials, {len(front)} of them on the front. {told}."
    return draw(f"pareto-{color_by}", alt, WIDE, paint)


def norm_of(values: np.ndarray) -> Normalize:
    """The scale of a setting's colors: logarithmic where it spans a decade."""
    low, high = float(values.min()), float(values.max())
    if low == high:
        return Normalize(low - 0.5, high + 0.5)
    return LogNorm(low, high) if low > 0 and high >= 10 * low else Normalize(low, high)


def _settings(trial: pd.Series) -> str:
    beta = f", beta {trial['beta']:.3g}" if np.isfinite(trial["beta"]) else ""
    return f"eps {trial['eps']:.3g}{beta}"
