"""Pictures of accuracy against the radius of the attack: of several classifiers, and of one minus another."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from advgen_ray.report import numbers
from advgen_ray.report.blocks import Panel
from advgen_ray.report.style import DASHES, INK, MARKERS, SERIES, WIDE, draw, in_percent, legend_above

JITTER = 0.008  # of the axis, between classifiers: their intervals do not hide one another
RADIUS = "radius of the attack"


def accuracy_panel(
    name: str, title: str, table: pd.DataFrame, norm: str, marks: Sequence[tuple[float, str]] = ()
) -> Panel:
    """Accuracy by ``eps`` with its interval, a line for each ``classifier`` of the table; radii marked by name."""
    order = list(dict.fromkeys(table["classifier"]))

    def paint(axes: Axes) -> None:
        apart = JITTER * (float(np.ptp(table["eps"])) or 1.0)
        for place, classifier in enumerate(order):
            rows = table[table["classifier"] == classifier].sort_values("eps")
            accuracy = rows["accuracy"].to_numpy()
            spread = np.stack([accuracy - rows["low"].to_numpy(), rows["high"].to_numpy() - accuracy])
            axes.errorbar(
                rows["eps"].to_numpy() + apart * (place - (len(order) - 1) / 2), accuracy, yerr=spread.clip(0),
                color=SERIES[place % len(SERIES)], marker=MARKERS[place % len(MARKERS)],
                linestyle=DASHES[place % len(DASHES)], capsize=3, elinewidth=1.0, label=classifier.replace("_", " "),
            )  # fmt: skip
        _marked(axes, marks)
        axes.set(xlabel=f"{RADIUS} ({norm})", ylabel="accuracy", ylim=(-0.02, 1.02))
        axes.set_title(title, pad=8 + 14 * -(-len(order) // 2))
        in_percent(axes.yaxis)
        legend_above(axes, num_columns=2)

    told = "; ".join(f"{classifier}: {_by_radius(table, classifier, 'accuracy')}" for classifier in order)
    return draw(name, f"{title}. {told}.", WIDE, paint)


def difference_panel(table: pd.DataFrame, reference: str, norm: str, marks: Sequence[tuple[float, str]] = ()) -> Panel:
    """``difference`` to the reference by ``eps`` with its interval, a line for each ``classifier``."""
    order = list(dict.fromkeys(table["classifier"]))

    def paint(axes: Axes) -> None:
        axes.axhline(0.0, color=INK, lw=0.8)
        for place, classifier in enumerate(order):
            rows = table[table["classifier"] == classifier].sort_values("eps")
            eps, colour = rows["eps"].to_numpy(), SERIES[place % len(SERIES)]
            axes.fill_between(eps, rows["low"], rows["high"], color=colour, alpha=0.15, linewidth=0)
            axes.plot(
                eps, rows["difference"], color=colour, marker=MARKERS[place % len(MARKERS)],
                linestyle=DASHES[place % len(DASHES)], label=classifier.replace("_", " "),
            )  # fmt: skip
        _marked(axes, marks)
        axes.set(xlabel=f"{RADIUS} ({norm})", ylabel=f"accuracy minus that of {reference}")
        axes.set_title("Difference on the same images", pad=8 + 14 * -(-len(order) // 2))
        in_percent(axes.yaxis)
        legend_above(axes, num_columns=2)

    told = "; ".join(f"{classifier}: {_by_radius(table, classifier, 'difference')}" for classifier in order)
    return draw("robustness-difference", f"Accuracy minus that of {reference}, by radius. {told}.", WIDE, paint)


def _marked(axes: Axes, marks: Sequence[tuple[float, str]]) -> None:
    for eps, name in marks:
        axes.axvline(eps, color="0.6", lw=0.8, linestyle=":")
        axes.annotate(
            name, (eps, 0.98), xycoords=("data", "axes fraction"), fontsize=7.5, color="0.35", rotation=90,
            ha="right", va="top",
        )  # fmt: skip


def _by_radius(table: pd.DataFrame, classifier: str, column: str) -> str:
    rows = table[table["classifier"] == classifier].sort_values("eps")
    told = (f"{100 * value:.1f}% at {numbers.eps(eps)}" for eps, value in zip(rows["eps"], rows[column], strict=True))
    return ", ".join(told)
