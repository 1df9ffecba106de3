"""Pictures of pictures: input gradients (S003 figure 4), images from a classifier and their neighbors (S001 G to J)."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator
from numpy.typing import ArrayLike

from advgen_ray.report import numbers
from advgen_ray.report.blocks import Panel
from advgen_ray.report.style import DASHES, INK, SERIES, WIDE, draw, legend_above

PICTURE_INCHES = 0.5  # the side of one picture in a grid
SIGNED = "PuOr_r"  # negative purple, zero white, positive orange
GAP = 0.08  # between pictures, of their side


def input_gradient_panel(images: ArrayLike, gradients: Mapping[str, ArrayLike], class_names: Sequence[str]) -> Panel:
    """S003 figure 4: images above what their gradients look like under each model, one row a model.

    Args:
        images: ``[N, C, H, W]`` in [0, 1].
        gradients: for each model, as a reader calls it, the pictures ``[N, C, H, W]`` of ``energy.input_gradients.
            to_picture``: 0.5 is zero. Those of one channel are drawn purple where negative and orange where positive.
        class_names: the label of each of the N images.
    """
    rows = {"input": colored(images)} | {name: colored(one, signed=True) for name, one in gradients.items()}
    alt = f"Input gradients of {len(class_names)} images ({', '.join(class_names)}), rows: {', '.join(rows)}."
    return picture_grid("input-gradients", alt, list(rows.values()), list(rows), class_names)


def generated_panel(images: Mapping[str, ArrayLike]) -> Panel:
    """S001 figures H and I: images ``[N, C, H, W]`` in [0, 1] that a classifier generated, one row a class."""
    alt = (
        f"Generated images, {max(len(np.asarray(one)) for one in images.values())} in a row; rows: {', '.join(images)}."
    )
    return picture_rows("generated", alt, images)


def picture_rows(
    name: str, alt: str, images: Mapping[str, ArrayLike], column_names: Sequence[str] = (), title: str = ""
) -> Panel:
    """Rows of images ``[N, C, H, W]`` in [0, 1], by their names, under what each column is called."""
    return picture_grid(name, alt, [colored(one) for one in images.values()], list(images), column_names, title)


def neighbors_panel(generated: ArrayLike, neighbors: ArrayLike, similarity: ArrayLike) -> Panel:
    """S001 figure J: generated images in the left column, in their rows the nearest real ones by SSIM, nearest first.

    Args:
        generated: ``[N, C, H, W]`` in [0, 1].
        neighbors: ``[N, K, C, H, W]``.
        similarity: their SSIM ``[N, K]``; the largest of each row is written beside it.
    """
    nearest = np.asarray(similarity, dtype=float)[:, 0]
    rows = [
        np.concatenate([colored(one[None]), colored(others)])
        for one, others in zip(np.asarray(generated), np.asarray(neighbors), strict=True)
    ]
    columns = ["generated", *(str(rank + 1) for rank in range(len(rows[0]) - 1))]
    names = [f"SSIM {numbers.decimal(value)}" for value in nearest]
    alt = f"Generated images and their nearest test images by SSIM: {', '.join(names)} to the first."
    return picture_grid("ssim-neighbors", alt, rows, names, columns)


def descent_panel(energies: Mapping[str, ArrayLike]) -> Panel:
    """Mean E(x, y) by SGLD step (with its spread over images), of ``[num_steps + 1, N]`` energies for each model."""
    values = {name: np.asarray(one, dtype=float) for name, one in energies.items()}

    def paint(axes: Axes) -> None:
        for index, (name, one) in enumerate(values.items()):
            color, steps = SERIES[index % len(SERIES)], np.arange(len(one))
            mean, spread = one.mean(axis=1), one.std(axis=1)
            axes.fill_between(steps, mean - spread, mean + spread, color=color, alpha=0.13, linewidth=0)
            axes.plot(steps, mean, color=color, linestyle=DASHES[index % len(DASHES)], label=name)
        axes.xaxis.set_major_locator(MaxNLocator(6, integer=True))
        axes.set(xlabel="SGLD step", ylabel="mean E(x, y) = −logit of the class")
        legend_above(axes, num_columns=3)

    told = ", ".join(
        f"{name} from {numbers.decimal(float(one[0].mean()))} to {numbers.decimal(float(one[-1].mean()))}"
        for name, one in values.items()
    )
    return draw("sgld-descent", f"Mean energy while images are generated: {told}.", WIDE, paint)


def picture_grid(
    name: str,
    alt: str,
    rows: Sequence[np.ndarray],
    row_names: Sequence[str],
    column_names: Sequence[str],
    title: str = "",
) -> Panel:
    """Rows of colored pictures ``[N, H, W, 3]`` on one axes; a row may be shorter than the others."""
    num_columns = max(len(row) for row in rows)

    def paint(axes: Axes) -> None:
        for i, row in enumerate(rows):
            for j, picture in enumerate(row):
                axes.imshow(picture, extent=(j, j + 1 - GAP, i + 1 - GAP, i), interpolation="none")
        axes.set(xlim=(0, num_columns - GAP), ylim=(len(rows) - GAP, 0), aspect="equal")
        middle = (1 - GAP) / 2
        axes.set_yticks(np.arange(len(rows)) + middle, row_names)
        axes.set_xticks(np.arange(len(column_names)) + middle, column_names)
        axes.xaxis.tick_top()
        axes.set_title(title)
        axes.tick_params(length=0, labelsize=8, labelcolor=INK)
        axes.grid(visible=False)
        for spine in axes.spines.values():
            spine.set_visible(False)

    size = (PICTURE_INCHES * num_columns + 1.2, PICTURE_INCHES * len(rows) + (0.6 if title else 0.4))
    return draw(name, alt, size, paint)


def colored(images: ArrayLike, *, signed: bool = False) -> np.ndarray:
    """Images ``[N, C, H, W]`` in [0, 1], one or three channels, as ``[N, H, W, 3]``."""
    channels = np.moveaxis(np.asarray(images, dtype=float).clip(0, 1), 1, -1)
    if channels.shape[-1] == 3:
        return channels
    if signed:
        return colormaps[SIGNED](channels[..., 0])[..., :3]
    return np.repeat(channels, 3, axis=-1)
