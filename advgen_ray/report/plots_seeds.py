"""Pictures of trainings repeated under several seeds: every seed a point, and what the points say together."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from advgen_ray.analysis.over_seeds import PairedDifference
from advgen_ray.report import numbers
from advgen_ray.report.blocks import Panel
from advgen_ray.report.style import BLUE, INK, MARKERS, WIDE, draw, in_percent, legend_above

ABOVE, BELOW, STEP = -0.36, 0.2, 0.11  # points lie above their mean, one line a seed, so that equal ones are seen


def seeds_panel(trainings: pd.DataFrame, by: str, quantity: str, title: str, names: Mapping[str, str]) -> Panel:
    """A fraction by method, one marker a seed, mean and standard deviation below.

    ``trainings``: one row a model, with ``by``, seed and the quantity; methods in the order of their first rows.
    """
    methods = list(dict.fromkeys(trainings[by]))
    values = {method: trainings[trainings[by] == method] for method in methods}

    def paint(axes: Axes) -> None:
        for place, models in enumerate(values.values()):
            _points(axes, place, dict(zip(models["seed"], models[quantity], strict=True)))
            half = models[quantity].std()
            _mean(axes, place, float(models[quantity].mean()), (half, half))
        _rows(axes, [names.get(method, method) for method in methods])
        axes.set(xlabel=title)
        in_percent(axes.xaxis)

    told = "; ".join(
        f"{names.get(method, method)} {numbers.percent(float(models[quantity].mean()))}"
        for method, models in values.items()
    )
    return draw(f"seeds-{quantity.replace('_', '-')}", f"{title}, means over seeds: {told}.", WIDE, paint)


def difference_panel(differences: Sequence[PairedDifference], title: str, labels: Sequence[str]) -> Panel:
    """Paired differences in points, one marker a seed, mean and 95% interval below; zero is a line."""

    def paint(axes: Axes) -> None:
        for place, difference in enumerate(differences):
            _points(axes, place, difference.by_seed, scale=100.0)
            low, high = difference.interval
            mean = difference.mean
            _mean(axes, place, 100 * mean, (100 * (mean - low), 100 * (high - mean)))
        _rows(axes, labels)
        axes.axvline(0.0, color=INK, linewidth=0.9, linestyle="--")
        axes.set(xlabel=f"{title}, points")

    told = "; ".join(
        f"{label} {numbers.signed_points(difference.mean)}"
        for label, difference in zip(labels, differences, strict=True)
    )
    quantity = differences[0].quantity.replace("_", "-")
    return draw(f"differences-{quantity}", f"{title} in points, means over seeds: {told}.", WIDE, paint)


def _points(axes: Axes, place: int, by_seed: Mapping[int, float], scale: float = 1.0) -> None:
    for index, seed in enumerate(sorted(by_seed)):
        height = place + min(ABOVE + STEP * index, 0.0)
        axes.plot(
            scale * by_seed[seed], height, marker=MARKERS[index % len(MARKERS)], color=BLUE, alpha=0.75, linestyle="",
            markeredgewidth=0, label=f"seed {seed}" if place == 0 else None,
        )  # fmt: skip


def _mean(axes: Axes, place: int, mean: float, halves: tuple[float, float]) -> None:
    """A bar of ``halves`` around the mean; without a spread, the mean alone."""
    known = np.isfinite(halves).all()
    axes.errorbar(
        mean, place + BELOW, xerr=np.array(halves)[:, None] if known else None, fmt="|", color=INK, markersize=9,
        markeredgewidth=1.8, elinewidth=1.2, capsize=3, zorder=3,
    )  # fmt: skip


def _rows(axes: Axes, labels: Sequence[str]) -> None:
    axes.set_yticks(range(len(labels)), list(labels))
    axes.set_ylim(len(labels) - 0.5, -0.5)
    axes.grid(visible=False, axis="y")
    axes.margins(x=0.06)
    legend_above(axes, num_columns=5, handlelength=0.8)
