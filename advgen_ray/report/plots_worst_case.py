"""Pictures of a robust evaluation: what is left after each attack, and images that fell."""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes

from advgen_ray.analysis.worst_case import WorstCase
from advgen_ray.report import numbers
from advgen_ray.report.blocks import Panel
from advgen_ray.report.style import BLUE, INK, SKY, WIDE, draw, in_percent

GAP = 1  # pixels between pictures


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
    """Columns of image, adversarial image and their difference, ``[N, C, H, W]`` in [0, 1]; ``names`` says what of.

    The difference is stretched so that its largest element is white or black; grey is no change.
    """
    delta = adversarial - clean
    largest = np.abs(delta).max(axis=(1, 2, 3), keepdims=True)
    difference = 0.5 + delta / (2 * np.where(largest == 0, 1.0, largest))
    picture = _tiles([clean, adversarial, difference])
    height, width = picture.shape[:2]

    def paint(axes: Axes) -> None:
        axes.imshow(picture, cmap="gray", vmin=0, vmax=1, interpolation="nearest")
        step = width / len(clean)
        axes.set_xticks([step * (i + 0.5) - 0.5 for i in range(len(clean))], names, fontsize=8)
        axes.set_yticks([height * (i + 0.5) / 3 - 0.5 for i in range(3)], ["image", "attacked", "difference"])
        axes.grid(visible=False)
        axes.tick_params(length=0)
        for spine in axes.spines.values():
            spine.set_visible(False)

    size = (max(3.0, 0.82 * len(clean)), 3.1)
    return draw("fallen", f"{len(clean)} images that fell: {', '.join(names)}.".replace("\n", " "), size, paint)


def _tiles(rows: Sequence[np.ndarray]) -> np.ndarray:
    """Rows of ``[N, C, H, W]`` as one picture ``[H', W', 3]`` (or ``[H', W']`` for one channel), white between."""
    padded = [np.pad(row, ((0, 0), (0, 0), (0, GAP), (0, GAP)), constant_values=1.0) for row in rows]
    lines = [np.concatenate(list(row), axis=2) for row in padded]  # [C, H, N * W]
    picture = np.concatenate(lines, axis=1).transpose(1, 2, 0)
    return picture[..., 0] if picture.shape[2] == 1 else picture
