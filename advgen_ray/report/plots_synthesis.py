"""Pictures of targeted synthesis: starts and what becomes of them, nearest training images, interpolations."""

from collections.abc import Mapping, Sequence

import numpy as np

from advgen_ray.report import numbers
from advgen_ray.report.blocks import Panel
from advgen_ray.report.plots_generation import colored, picture_grid

NUM_COLUMNS = 10


def samples_panel(
    name: str, starts: np.ndarray, generated: Mapping[str, np.ndarray], class_names: Sequence[str]
) -> Panel:
    """Starts ``[N, C, H, W]`` in [0, 1], and under each what every model makes of it; ten columns, as many blocks.

    ``class_names`` says what each image is to show; it heads the columns where all blocks agree.
    """
    blocks = range(0, len(starts), NUM_COLUMNS)
    rows, names = [], []
    for at in blocks:
        for what, images in {"start": starts, **generated}.items():
            rows.append(colored(images[at : at + NUM_COLUMNS]))
            names.append(what)
    heads = {tuple(class_names[at : at + NUM_COLUMNS]) for at in blocks if at + NUM_COLUMNS <= len(starts)}
    columns = list(heads.pop()) if len(heads) == 1 else []
    alt = f"{len(starts)} starts, and under each the image that {', '.join(generated)} made of it."
    return picture_grid(name, alt, rows, names, columns)


def neighbors_panel(
    name: str, generated: np.ndarray, in_pixels: np.ndarray, in_features: np.ndarray, distances: np.ndarray
) -> Panel:
    """Generated images ``[N, C, H, W]``, then the nearest training images ``[N, K, C, H, W]`` by pixels, by features.

    ``distances`` ``[N]`` is the pixel distance to the first.
    """
    rows = [
        np.concatenate([colored(one[None]), colored(by_pixels), colored(by_features)])
        for one, by_pixels, by_features in zip(generated, in_pixels, in_features, strict=True)
    ]
    count = in_pixels.shape[1]
    columns = ["sample", *(f"px {k + 1}" for k in range(count)), *(f"ft {k + 1}" for k in range(count))]
    names = [f"L2 {numbers.decimal(float(value))}" for value in distances]
    alt = f"Generated images and their nearest training images in pixels and features; {', '.join(names)} in pixels."
    return picture_grid(name, alt, rows, names, columns)


def interpolation_panel(name: str, images: np.ndarray) -> Panel:
    """Images ``[pairs, points, C, H, W]``, one row a pair of starts, from one to the other."""
    num_points = images.shape[1]
    columns = [f"{at / (num_points - 1):.2g}" for at in range(num_points)]
    alt = f"{len(images)} interpolations of {num_points} images each, from one sample to another."
    return picture_grid(
        name, alt, [colored(one) for one in images], [str(pair + 1) for pair in range(len(images))], columns
    )
