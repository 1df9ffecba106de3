"""Pictures of what classifiers make of counterfactuals: by training radius (S000 figure 4), by distance (figure 3)."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from advgen_ray.analysis.ce_proximity import r_squared, slope
from advgen_ray.report import numbers
from advgen_ray.report.blocks import Panel
from advgen_ray.report.style import (
    BLUE,
    DASHES,
    INK,
    MARKERS,
    SERIES,
    SMALL,
    VERMILLION,
    WIDE,
    draw,
    in_percent,
    legend_above,
)

MANY_POINTS = 500  # from here on points are drawn smaller and fainter
JITTER = 0.012  # of the axis' width, between series, so that their error bars do not hide one another


def accuracy_by_eps(table: pd.DataFrame) -> Panel:
    """S000 figure 4a: accuracy on sources, same-class and different-class CEs against the training radius."""
    series = [("clean", "clean sources"), ("same_class", "same-class CEs"), ("different_class", "different-class CEs")]
    return draw(
        "accuracy-by-eps",
        "Accuracy by training radius. "
        + " ".join(f"{label}: {_by_eps(table, f'{stem}_accuracy')}." for stem, label in series),
        WIDE,
        lambda axes: _lines(axes, table, [(f"{stem}_accuracy", stem, label) for stem, label in series], "accuracy"),
    )


def source_label_by_eps(table: pd.DataFrame) -> Panel:
    """S000 figure 4b: how often the source's label is predicted on a different-class CE, given a correct source."""
    series = [("source_label_rate", "source_label", "different-class CEs")]
    return draw(
        "source-label-by-eps",
        f"Probability of the source's label on a different-class CE: {_by_eps(table, 'source_label_rate')}.",
        WIDE,
        lambda axes: _lines(axes, table, series, "P(source label | CE, right on source)"),
    )


def _lines(axes: Axes, table: pd.DataFrame, series: Sequence[tuple[str, str, str]], name: str) -> None:
    eps = table["eps"].to_numpy(float)
    apart = JITTER * (float(np.ptp(eps)) or 1.0)
    for index, (column, stem, label) in enumerate(series):
        value = table[column].to_numpy(float)
        below = np.clip(value - table[f"{stem}_low"].to_numpy(float), 0, None)
        above = np.clip(table[f"{stem}_high"].to_numpy(float) - value, 0, None)
        axes.errorbar(
            eps + apart * (index - (len(series) - 1) / 2),
            value,
            yerr=np.stack([below, above]),
            color=SERIES[index],
            marker=MARKERS[index],
            linestyle=DASHES[index],
            capsize=3,
            elinewidth=1.0,
            label=label,
        )
    axes.set(xlabel="radius eps of adversarial training (pixels in [0, 1])", ylabel=name)
    in_percent(axes.yaxis)
    axes.yaxis.set_major_locator(MaxNLocator(6))
    axes.set_xticks(eps, [numbers.eps(radius) for radius in eps])
    if name.startswith("P("):
        axes.set_ylim(bottom=0.0)
    if len(series) > 1:
        legend_above(axes, num_columns=3, handlelength=1.8)


def _by_eps(table: pd.DataFrame, column: str) -> str:
    pairs = zip(table["eps"], table[column], strict=True)
    return ", ".join(f"{numbers.percent(value)} at eps {numbers.eps(eps)}" for eps, value in pairs)


def confidence_panels(points: dict[str, pd.DataFrame], eps: Sequence[float]) -> list[Panel]:
    """S000 figure 3: one panel a classifier, confidence on clean sources against mean CE distance, on common axes."""
    distances = pd.concat([table["mean_distance"] for table in points.values()])
    margin = 0.05 * float(np.ptp(distances)) or 0.1
    lowest = min(float(table["confidence"].min()) for table in points.values())
    limits = {
        "xlim": (float(distances.min()) - margin, float(distances.max()) + margin),
        "ylim": (lowest - 0.08 * (1 - lowest) - 0.01, 1.01 + 0.04 * (1 - lowest)),
    }
    return [_confidence(name, table, radius, limits) for (name, table), radius in zip(points.items(), eps, strict=True)]


def _confidence(name: str, table: pd.DataFrame, eps: float, limits: dict[str, tuple[float, float]]) -> Panel:
    x, y = table["mean_distance"].to_numpy(float), table["confidence"].to_numpy(float)
    correct = table["correct"].to_numpy(bool)
    r2 = numbers.decimal(r_squared(x, y))
    thin = min(1.0, (MANY_POINTS / max(len(x), 1)) ** 0.5)

    def paint(axes: Axes) -> None:
        for chosen, color, marker, size, opacity, label in (
            (correct, BLUE, "o", 14, 0.5 * thin, "correct"),
            (~correct, VERMILLION, "X", 34, 0.5 + 0.45 * thin, "wrong"),
        ):
            axes.scatter(
                x[chosen], y[chosen], s=size * thin**0.5, color=color, marker=marker, alpha=opacity, linewidths=0,
                rasterized=len(x) > 2000, label=f"{label} ({numbers.count(int(chosen.sum()))})",
            )  # fmt: skip
        gradient = slope(x, y)
        if np.isfinite(gradient):
            ends = np.array([x.min(), x.max()])
            axes.plot(ends, y.mean() + gradient * (ends - x.mean()), color=INK, linewidth=1.2)
        axes.set(**limits, xlabel="mean L2 to different-class CEs", ylabel="confidence on clean source")
        axes.set_title(f"eps {numbers.eps(eps)}:  r² = {r2}", pad=21)
        legend_above(axes, num_columns=2, handlelength=0.8)

    alt = (
        f"Confidence of the classifier trained at eps {numbers.eps(eps)} against mean CE distance of {len(x)} sources: "
        f"r squared {r2}, {int(correct.sum())} correct, {int((~correct).sum())} wrong."
    )
    return draw(f"confidence-{name}", alt, SMALL, paint)
