"""Pictures of what was changed: images above their changed versions, and the difference below."""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes

from advgen_ray.report.blocks import Panel
from advgen_ray.report.style import draw

GAP = 1  # pixels between pictures


def changed_panel(
    name: str, alt: str, images: np.ndarray, changed: np.ndarray, rows: tuple[str, str], names: Sequence[str]
) -> Panel:
    """Columns of image, changed image and their difference, ``[N, C, H, W]`` in [0, 1].

    ``rows`` says what images and changed images are called, ``names`` what stands under each column. The difference is
    stretched so that its largest element is white or black; grey is no change.
    """
    delta = changed - images
    largest = np.abs(delta).max(axis=(1, 2, 3), keepdims=True)
    difference = 0.5 + delta / (2 * np.where(largest == 0, 1.0, largest))
    picture = _tiles([images, changed, difference])
    height, width = picture.shape[:2]

    def paint(axes: Axes) -> None:
        axes.imshow(picture, cmap="gray", vmin=0, vmax=1, interpolation="nearest")
        step = width / len(images)
        axes.set_xticks([step * (i + 0.5) - 0.5 for i in range(len(images))], names, fontsize=8)
        axes.set_yticks([height * (i + 0.5) / 3 - 0.5 for i in range(3)], [*rows, "difference"])
        axes.grid(visible=False)
        axes.tick_params(length=0)
        for spine in axes.spines.values():
            spine.set_visible(False)

    return draw(name, alt.replace("\n", " "), (max(3.0, 0.82 * len(images)), 3.1), paint)


def _tiles(rows: Sequence[np.ndarray]) -> np.ndarray:
    """Rows of ``[N, C, H, W]`` as one picture ``[H', W', 3]`` (or ``[H', W']`` for one channel), white between."""
    padded = [np.pad(row, ((0, 0), (0, 0), (0, GAP), (0, GAP)), constant_values=1.0) for row in rows]
    lines = [np.concatenate(list(row), axis=2) for row in padded]  # [C, H, N * W]
    picture = np.concatenate(lines, axis=1).transpose(1, 2, 0)
    return picture[..., 0] if picture.shape[2] == 1 else picture
