"""Images made strange: alterations that leave little of what the data are, and much of how their pixels are."""

from collections.abc import Callable, Sequence

import numpy as np
from scipy.ndimage import gaussian_filter

from advgen_ray.rng import Stream

Alteration = Callable[[np.ndarray, Sequence[str], int], np.ndarray]
"""``alteration(images [N, C, H, W] in [0, 1], item ids, seed) -> [N, C, H, W]``; draws are keyed by (seed, item).

An image's alteration is the same whatever is given beside it, but for ``mixed``, whose partners are among those given.
"""

BLUR_SHARE = 1 / 8  # standard deviation of the blur, of an image's shorter side


def shuffled(images: np.ndarray, item_ids: Sequence[str], seed: int) -> np.ndarray:
    """The pixels of each image in an order of its own, the channels of a pixel together: the histogram is kept."""
    stream, shape = Stream(seed, "shuffled_pixels"), images.shape
    flat = images.reshape(*shape[:2], -1)
    orders = [stream.generator(item_id).permutation(flat.shape[2]) for item_id in item_ids]
    return np.stack([image[:, order] for image, order in zip(flat, orders, strict=True)]).reshape(shape)


def quarters(images: np.ndarray, item_ids: Sequence[str], seed: int) -> np.ndarray:
    """Each quarter of an image where the one across the corner was; strokes stay strokes."""
    return np.roll(images, (images.shape[2] // 2, images.shape[3] // 2), axis=(2, 3))


def blurred(images: np.ndarray, item_ids: Sequence[str], seed: int) -> np.ndarray:
    """Under a Gaussian of an eighth of the shorter side."""
    return smoothed(images, BLUR_SHARE * min(images.shape[2:]))


def inverted(images: np.ndarray, item_ids: Sequence[str], seed: int) -> np.ndarray:
    """Black for white."""
    return 1 - images


def mixed(images: np.ndarray, item_ids: Sequence[str], seed: int) -> np.ndarray:
    """Halfway between each image and one other of those given: the next by the items' draws, in a ring."""
    stream = Stream(seed, "mixed_images")
    order = np.argsort([stream.generator(item_id).random() for item_id in item_ids])
    partner = np.empty(len(images), dtype=np.int64)
    partner[order] = np.roll(order, -1)
    return (images + images[partner]) / 2


ALTERATIONS: dict[str, Alteration] = {
    "shuffled": shuffled,
    "quarters": quarters,
    "blurred": blurred,
    "inverted": inverted,
    "mixed": mixed,
}


def smoothed(images: np.ndarray, sigma: float) -> np.ndarray:
    """Each channel ``[H, W]`` of ``[N, C, H, W]`` under a Gaussian filter of ``sigma`` pixels, mirrored at the edge."""
    return gaussian_filter(images, (0, 0, sigma, sigma))


def stretched(images: np.ndarray) -> np.ndarray:
    """Each image ``[C, H, W]`` from its smallest value to its largest onto [0, 1]; one of a single value is zero."""
    low = images.min(axis=(1, 2, 3), keepdims=True)
    span = images.max(axis=(1, 2, 3), keepdims=True) - low
    return (images - low) / np.where(span == 0, 1, span)
