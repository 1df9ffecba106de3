"""Pictures of how far counterfactuals lie from their sources (S000 figure 2)."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from advgen_ray.analysis.inputs import CounterfactualSet
from advgen_ray.report import numbers
from advgen_ray.report.blocks import Panel
from advgen_ray.report.plots_confusion import name_classes
from advgen_ray.report.style import DASHES, INK, SERIES, WIDE, draw, in_percent, legend_above

NUM_BINS = 30
AXIS_NAMES = {"l2": "L2 distance to the source (pixels in [0, 1])", "l0": "L0: share of values changed by > 0.02"}


def distance_distributions(sets: Sequence[CounterfactualSet], column: str, name: str = "distance") -> Panel:
    """Distribution of ``column`` (``"l2"`` or ``"l0"``) over different-class CEs, one outline a set."""
    values = [one.rows.loc[one.different_class, column].to_numpy(float) for one in sets]
    labels = [one.label for one in sets]
    return _distributions(f"{name}-{column}", "different-class counterfactuals", values, labels, column)


def same_and_different(one: CounterfactualSet) -> Panel:
    """L2 distances of same-class and different-class CEs of one set."""
    different = one.different_class
    values = [one.rows.loc[~different, "l2"].to_numpy(float), one.rows.loc[different, "l2"].to_numpy(float)]
    kinds = zip(("same class", "different class"), values, strict=True)
    labels = [f"{kind}, n = {numbers.count(len(group))}" for kind, group in kinds]
    return _distributions("distance-same-different", "counterfactuals", values, labels, "l2")


def _distributions(name: str, what: str, values: Sequence[np.ndarray], labels: Sequence[str], column: str) -> Panel:
    means = [numbers.decimal(float(v.mean())) if len(v) else numbers.MISSING for v in values]
    told = "; ".join(f"{label} {mean}" for label, mean in zip(labels, means, strict=True))
    alt = f"Distributions of the {column.upper()} distances of {what}. Means: {told}."
    return draw(name, alt, WIDE, lambda axes: _outlines(axes, values, labels, column))


def _outlines(axes: Axes, values: Sequence[np.ndarray], labels: Sequence[str], column: str) -> None:
    edges = bin_edges(np.concatenate(values))
    for index, (one, label) in enumerate(zip(values, labels, strict=True)):
        share = np.histogram(one, edges)[0] / max(len(one), 1)
        color, dashes = SERIES[index % len(SERIES)], DASHES[index % len(DASHES)]
        axes.stairs(share, edges, color=color, linestyle=dashes, linewidth=1.7, label=label)
        if len(one):
            axes.axvline(float(one.mean()), color=color, linestyle=dashes, linewidth=1.0, alpha=0.7)
    axes.set(xlabel=AXIS_NAMES[column], ylabel="share of counterfactuals per bin")
    in_percent(axes.yaxis)
    axes.set_ylim(bottom=0.0)
    legend_above(axes, num_columns=2)


def bin_edges(values: np.ndarray) -> np.ndarray:
    """About ``NUM_BINS`` bins over the values, each as wide as a whole number of their smallest steps.

    L0 distances are multiples of one value's share: bins of any other width hold now three, now four of them and
    draw a comb that is not in the data.
    """
    distinct = np.unique(values)
    if len(distinct) < 2:
        middle = float(distinct[0]) if len(distinct) else 0.5
        return np.linspace(middle - 0.5, middle + 0.5, NUM_BINS + 1)
    step = max(float(np.diff(distinct).min()), 1e-6)
    width = step * max(1, round(float(np.ptp(distinct)) / NUM_BINS / step))
    first = float(distinct[0]) - step / 2
    return first + width * np.arange(int((distinct[-1] - first) // width) + 2)


def class_distance_panel(means: pd.DataFrame, class_names: Sequence[str]) -> Panel:
    """Mean L2 distance from each class (rows) to each target class (columns)."""
    values = means.to_numpy(float)
    low, high = float(np.nanmin(values)), float(np.nanmax(values))

    def paint(axes: Axes) -> None:
        axes.imshow(values, cmap="cividis", aspect="auto")
        for (row, column), value in np.ndenumerate(values):
            color = INK if value > (low + high) / 2 else "white"
            axes.text(column, row, numbers.decimal(value, 1), ha="center", va="center", color=color, fontsize=8)
        name_classes(axes, [class_names[int(t)] for t in means.columns], [class_names[int(s)] for s in means.index])
        axes.set(xlabel="target class", ylabel="class of the source")

    alt = f"Mean L2 distance from each class to each target class, between {low:.2f} and {high:.2f}."
    return draw("class-distances", alt, WIDE, paint)
