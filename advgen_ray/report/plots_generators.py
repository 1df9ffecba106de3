"""Pictures that compare ways to make counterfactuals: what pulls (S000 figure 7), what convinces (figure 6)."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from advgen_ray.report import numbers
from advgen_ray.report.blocks import Panel
from advgen_ray.report.search_words import KINDS
from advgen_ray.report.style import DASHES, INK, MARKERS, SERIES, WIDE, draw, in_percent, legend_above

WHO = {"validity": "judge", "standard": "standard model of the study"}


def accuracy_by_kind(quality: pd.DataFrame) -> Panel:
    """S000 figure 6: share of different-class CEs on which each of two standard models sees the target, by kind.

    ``quality`` has label and, for ``validity`` and ``standard``, the value, ``_low`` and ``_high``.
    """
    values = {"validity": quality["validity"], "standard": quality["standard_accuracy"]}

    def paint(axes: Axes) -> None:
        places = np.arange(len(quality))[::-1]
        for index, (stem, value) in enumerate(values.items()):
            low, high = quality[f"{stem}_low"], quality[f"{stem}_high"]
            axes.errorbar(
                value, places + 0.14 * (1 - 2 * index), fmt=MARKERS[index],
                xerr=[(value - low).clip(lower=0), (high - value).clip(lower=0)],
                color=SERIES[index], capsize=3, elinewidth=1.0, label=WHO[stem],
            )  # fmt: skip
        axes.set_yticks(places, list(quality["label"]))
        axes.grid(visible=False, axis="y")
        axes.set(xlabel="different-class CEs seen as their target")
        in_percent(axes.xaxis)
        legend_above(axes, num_columns=2, handlelength=1.0)

    told = "; ".join(
        f"{row['label']} {numbers.percent(row['validity'])} by the judge, {numbers.percent(row['standard_accuracy'])} "
        f"by the standard model"
        for _, row in quality.iterrows()
    )
    return draw("accuracy-by-kind", f"Share of counterfactuals seen as their target: {told}.", WIDE, paint)


def hardtanh_panel(curves: pd.DataFrame) -> Panel:
    """S000 figure 7: the exact Boltzmann score at several times, one colour each, and the hardtanh in its place."""
    times = sorted(curves["time"].unique())

    def paint(axes: Axes) -> None:
        for index, time in enumerate(times):
            at = curves[curves["time"] == time]
            for kind, dashes in (("boltzmann_exact", "-"), ("boltzmann_hardtanh", ":")):
                one = at[at["kind"] == kind]
                label = f"t = {time:g}" if dashes == "-" else None
                axes.plot(one["offset"], one["score"], color=SERIES[index], linestyle=dashes, label=label)
        _score_axes(axes)
        legend_above(axes, num_columns=len(times), handlelength=1.2)

    alt = (
        "Exact Boltzmann score, solid, and its hardtanh approximation, dotted, against the offset from the source, at "
        f"times {', '.join(f'{time:g}' for time in times)}."
    )
    return draw("neighborhood-hardtanh", alt, WIDE, paint)


def kinds_panel(curves: pd.DataFrame, time: float) -> Panel:
    """The score of every kind of neighborhood at one time."""
    at = curves[np.isclose(curves["time"], time)]
    kinds: Sequence[str] = [kind for kind in KINDS if (at["kind"] == kind).any()]

    def paint(axes: Axes) -> None:
        for index, kind in enumerate(kinds):
            one = at[at["kind"] == kind]
            axes.plot(one["offset"], one["score"], color=SERIES[index], linestyle=DASHES[index], label=KINDS[kind])
        axes.set_title(f"t = {time:g}", pad=30)
        _score_axes(axes)
        axes.set_ylim(-2.2, 2.2)  # a bounded one pulls without limit beyond its wall
        legend_above(axes, num_columns=2, handlelength=1.8)

    names = ", ".join(KINDS[kind] for kind in kinds)
    return draw("neighborhood-kinds", f"Scores of the neighborhoods {names} at time {time:g}.", WIDE, paint)


def _score_axes(axes: Axes) -> None:
    axes.axhline(0, color=INK, linewidth=0.6)
    axes.set(xlabel="offset from the source (units of alpha_t sigma_CE)", ylabel="score (units of its limit)")
