"""Pictures of energies: natural against attacked (S003 figures 2a and 3a), and the detector that reads them."""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes

from advgen_ray.analysis.energies import Detector, EnergyPair
from advgen_ray.report import numbers
from advgen_ray.report.blocks import Panel
from advgen_ray.report.style import (
    ATTACKED,
    DASHES,
    INK,
    MARKERS,
    NATURAL,
    SERIES,
    SMALL,
    WIDE,
    draw,
    in_percent,
    legend_above,
)

NUM_BINS = 36
AXIS_NAMES = {"energy_x": "E(x) = −logsumexp of logits", "energy_xy": "E(x, y) = −logit of the true class"}


def energy_panels(pairs: Sequence[EnergyPair], column: str, detectors: Sequence[Detector] = ()) -> list[Panel]:
    """One panel a classifier: histograms of ``column``, natural and PGD; with the detectors' thresholds if given."""
    thresholds: list[float | None] = [d.energy_threshold for d in detectors] or [None] * len(pairs)
    return [_histogram(pair, column, threshold) for pair, threshold in zip(pairs, thresholds, strict=True)]


def _histogram(pair: EnergyPair, column: str, threshold: float | None) -> Panel:
    natural, attacked = pair.natural[column].to_numpy(float), pair.attacked[column].to_numpy(float)
    both = np.concatenate([natural, attacked])
    edges = np.linspace(both.min(), both.max() if np.ptp(both) else both.min() + 1.0, NUM_BINS + 1)

    def paint(axes: Axes) -> None:
        paint_histograms(axes, natural, attacked, edges, "PGD")
        if threshold is not None and np.isfinite(threshold):
            axes.axvline(threshold, color=INK, linestyle=":", linewidth=1.4, label="threshold")
        axes.set(xlabel=AXIS_NAMES[column], ylabel="share of images per bin")
        axes.set_title(f"eps {numbers.eps(pair.eps)}", pad=21)
        in_percent(axes.yaxis)
        legend_above(axes, num_columns=3, handlelength=1.4)

    name = "E(x)" if column == "energy_x" else "E(x, y)"
    alt = (
        f"Histograms of {name} under the classifier trained at eps {numbers.eps(pair.eps)}: mean "
        f"{numbers.decimal(float(natural.mean()))} for {len(natural)} natural images, "
        f"{numbers.decimal(float(attacked.mean()))} for the same under PGD."
    )
    return draw(f"{column.replace('_', '-')}-{pair.classifier}", alt, SMALL, paint)


def paint_histograms(axes: Axes, natural: np.ndarray, attacked: np.ndarray, edges: np.ndarray, attack: str) -> None:
    """Shares of natural and attacked images by bin, told apart by colour, line and hatching."""
    for values, color, dashes, hatch, label in (
        (natural, NATURAL, "-", None, "natural"),
        (attacked, ATTACKED, "--", "////", attack),
    ):
        share = np.histogram(values, edges)[0] / len(values)
        axes.stairs(share, edges, fill=True, facecolor=color, alpha=0.22, edgecolor=color, hatch=hatch)
        axes.stairs(share, edges, color=color, linestyle=dashes, linewidth=1.5, label=label)


def roc_panel(detectors: Sequence[Detector]) -> Panel:
    """Detection rate against false positive rate, one curve a classifier, the operating point marked."""

    def paint(axes: Axes) -> None:
        axes.plot([0, 1], [0, 1], color="#a7abb0", linewidth=1.0)
        for index, one in enumerate(detectors):
            color, dashes = SERIES[index % len(SERIES)], DASHES[index % len(DASHES)]
            label = f"eps {numbers.eps(one.eps)}: area {numbers.decimal(one.auc)}"
            axes.plot(
                one.roc["false_positive_rate"], one.roc["detection_rate"], color=color, linestyle=dashes, label=label
            )
            axes.plot(
                one.false_positive_rate, one.detection_rate, color=color, marker=MARKERS[index % len(MARKERS)],
                markersize=8, markeredgecolor="white",
            )  # fmt: skip
        axes.set(xlabel="false positive rate (natural images flagged)", ylabel="detection rate (PGD images flagged)")
        axes.set(xlim=(-0.02, 1.02), ylim=(-0.02, 1.02))
        in_percent(axes.xaxis)
        in_percent(axes.yaxis)
        axes.legend(loc="lower right")

    alt = "Receiver operating curves of the energy detector. " + " ".join(
        f"Eps {numbers.eps(d.eps)}: detects {numbers.percent(d.detection_rate)} at "
        f"{numbers.percent(d.false_positive_rate)} false positives."
        for d in detectors
    )
    return draw("detector-roc", alt, WIDE, paint)
