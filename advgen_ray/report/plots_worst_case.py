"""Pictures of a robust evaluation: what is left after each attack, and images that fell."""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes

from advgen_ray.analysis.worst_case import WorstCase
from advgen_ray.report import numbers
from advgen_ray.report.blocks import Panel
from advgen_ray.report.plots_changes import changed_panel
from advgen_ray.report.style import BLUE, INK, SKY, WIDE, draw, in_percent


def standing_panel(result: WorstCase) -> Panel:
    """Bars: accuracy on clean images, then after each attack."""
    names = ["clean", *result.attacks["attack"]]
    left = [result.clean.value, *result.attacks["accuracy_after"]]

    def paint(axes: Axes) -> None:
        places = range(len(names))
        axes.barh(list(places), left, color=[SKY] + [BLUE] * (len(names) - 1), height=0.62)
        for place, share in zip(places, left, strict=True):
            axes.text(share + 0.01, place, numbers.percent(share), va="center", fontsize=8, color=INK)
        axes.set_yticks(list(places), names)
        axes.invert_yaxis()
        axes.set(xlabel="images still classified correctly", xlim=(0, 1.14))
        axes.grid(visible=False, axis="y")
        in_percent(axes.xaxis)

    told = "; ".join(f"after {name} {numbers.percent(share)}" for name, share in zip(names, left, strict=True))
    return draw("standing", f"Share of {result.clean.count} images classified correctly: {told}.", WIDE, paint)


def fallen_panel(clean: np.ndarray, adversarial: np.ndarray, names: Sequence[str]) -> Panel:
    """Columns of image, adversarial image and their difference; as ``changed_panel``."""
    alt = f"{len(clean)} images that fell: {', '.join(names)}."
    return changed_panel("fallen", alt, clean, adversarial, ("image", "attacked"), names)
