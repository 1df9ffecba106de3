"""Every threshold of every detector: one picture an attack, one curve a detector."""

from matplotlib.axes import Axes

from advgen_ray.analysis.detector_scores import Comparison
from advgen_ray.report import numbers
from advgen_ray.report.blocks import Panel
from advgen_ray.report.style import DASHES, MARKERS, SERIES, WIDE, draw, file_name, in_percent, legend_above


def detector_roc_panels(comparison: Comparison) -> list[Panel]:
    """Detection rate against false positive rate, the chosen threshold marked; areas in the legend."""
    return [_panel(comparison, attack) for attack in dict.fromkeys(attack for _, attack in comparison.curves)]


def _panel(comparison: Comparison, attack: str) -> Panel:
    detectors = [detector for detector, of in comparison.curves if of == attack]

    def paint(axes: Axes) -> None:
        axes.plot([0, 1], [0, 1], color="#a7abb0", linewidth=1.0)
        for index, detector in enumerate(detectors):
            row, curve = comparison.row(detector, attack), comparison.curves[detector, attack]
            color, dashes = SERIES[index % len(SERIES)], DASHES[index % len(DASHES)]
            label = f"{detector} {numbers.decimal(row['auroc'])}"
            axes.plot(curve.false_positive_rate, curve.detection_rate, color=color, linestyle=dashes, label=label)
            axes.plot(
                row["false_positive_rate"], row["detection_rate"], color=color, marker=MARKERS[index % len(MARKERS)],
                markersize=8, markeredgecolor="white",
            )  # fmt: skip
        axes.set_title(attack, pad=21)
        axes.set(xlabel="false positive rate (natural images flagged)", ylabel="detection rate")
        axes.set(xlim=(-0.02, 1.02), ylim=(-0.02, 1.02))
        in_percent(axes.xaxis)
        in_percent(axes.yaxis)
        legend_above(axes, num_columns=3)

    told = ", ".join(f"{one} {numbers.decimal(comparison.row(one, attack)['auroc'])}" for one in detectors)
    alt = f"Receiver operating curves against {attack}; areas: {told}."
    return draw(f"roc-{file_name(attack)}", alt, WIDE, paint)
