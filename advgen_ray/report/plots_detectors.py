"""Pictures of detectors: what each finds of each attack (S003 table 1), and what High-Energy PGD hides (figure 3)."""

from collections.abc import Callable, Mapping

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from advgen_ray.report import numbers
from advgen_ray.report.blocks import Panel
from advgen_ray.report.plots_energy import AXIS_NAMES
from advgen_ray.report.style import (
    ATTACKED,
    DASHES,
    INK,
    MARKERS,
    NATURAL,
    SERIES,
    WIDE,
    draw,
    in_percent,
    legend_above,
)

HATCHES = (None, "////", "....", "xxxx", "\\\\\\\\", "oooo", "++++")


def detector_panel(table: pd.DataFrame) -> Panel:
    """S003 table 1 as bars: detection rate of each detector on each attack, its false alarms as a line across the bar.

    ``table`` is that of ``analysis.detector_comparison.compare_detectors``; whiskers are its 95% intervals.
    """
    detectors, attacks = (list(dict.fromkeys(table[column])) for column in ("detector", "attack"))
    width = 0.8 / len(detectors)

    def paint(axes: Axes) -> None:
        for index, detector in enumerate(detectors):
            rows = table[table["detector"] == detector]
            places = np.array([attacks.index(attack) for attack in rows["attack"]]) - 0.4 + width * (index + 0.5)
            rate = rows["detection_rate"].to_numpy(float)
            below, above = rate - rows["detection_low"].to_numpy(float), rows["detection_high"].to_numpy(float) - rate
            axes.bar(
                places, rate, 0.92 * width, color=SERIES[index % len(SERIES)], hatch=HATCHES[index % len(HATCHES)],
                alpha=0.85, edgecolor="white", yerr=np.clip([below, above], 0, None), capsize=2, label=detector,
            )  # fmt: skip
            axes.hlines(rows["false_positive_rate"], places - width / 2, places + width / 2, color=INK, linewidth=2.2)
        axes.plot([], [], color=INK, linewidth=2.2, label="false positive rate")
        axes.set_xticks(range(len(attacks)), attacks)
        axes.set(ylabel="detection rate", ylim=(0, 1.04))
        in_percent(axes.yaxis)
        legend_above(axes, num_columns=4, handlelength=1.4)

    told = "; ".join(
        f"{row['detector']} on {row['attack']} {numbers.percent(row['detection_rate'])} at "
        f"{numbers.percent(row['false_positive_rate'])} false positives"
        for _, row in table.iterrows()
    )
    return draw("detectors-by-attack", f"Detection rates. {told}.", WIDE, paint)


def evasion_panels(table: pd.DataFrame) -> list[Panel]:
    """High-Energy PGD by lambda (S003 section 5.2): what it achieves and what is found, and the energy it ends at.

    ``table`` is that of ``analysis.detector_comparison.evasion``.
    """
    weight = table["lambda"].to_numpy(float)
    lines = {
        "success": "misclassified",
        "detection_rate": "detected",
        "undetected_success": "misclassified, not detected",
    }

    def paint_rates(axes: Axes) -> None:
        for index, (column, label) in enumerate(lines.items()):
            axes.plot(
                weight, table[column], color=SERIES[index], marker=MARKERS[index], linestyle=DASHES[index], label=label
            )
        axes.axhline(float(table["false_positive_rate"].iloc[0]), color=INK, linestyle=":", label="false positives")
        axes.set(xlabel="lambda of HE-PGD", ylabel="share of test images", ylim=(-0.02, 1.04))
        in_percent(axes.yaxis)
        legend_above(axes, num_columns=2)

    def paint_energy(axes: Axes) -> None:
        axes.plot(weight, table["mean_energy_x"], color=ATTACKED, marker="o", label="HE-PGD")
        axes.axhline(float(table["natural_energy_x"].iloc[0]), color=NATURAL, linestyle="--", label="natural")
        axes.axhline(-float(table["threshold"].iloc[0]), color=INK, linestyle=":", label="threshold")
        axes.set(xlabel="lambda of HE-PGD", ylabel=f"mean {AXIS_NAMES['energy_x']}")
        legend_above(axes, num_columns=3)

    rates = _by_lambda(table, lines, numbers.percent)
    energy = _by_lambda(table, {"mean_energy_x": "mean E(x)"}, numbers.decimal)
    return [
        draw("he-pgd-rates", f"HE-PGD by lambda. {rates}", WIDE, paint_rates),
        draw("he-pgd-energy", f"HE-PGD by lambda. {energy}", WIDE, paint_energy),
    ]


def _by_lambda(table: pd.DataFrame, columns: Mapping[str, str], written: Callable[[float], str]) -> str:
    told = [
        f"{label}: " + ", ".join(f"{written(row[column])} at {row['lambda']:g}" for _, row in table.iterrows())
        for column, label in columns.items()
    ]
    return "; ".join(told) + "."
