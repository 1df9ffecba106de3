"""Which images of a training split are held out and which are referred to: what several jobs must choose alike."""

import numpy as np

from advgen_ray.data.datasets import LabelledImages
from advgen_ray.rng import Stream


def hold_out(
    num_images: int, num_held_out: int, seed: int, purpose: str = "validation"
) -> tuple[np.ndarray, np.ndarray]:
    """Places, rising, of the images to train on and of those held out: chosen by seed and ``purpose`` alone."""
    order = Stream(seed, purpose).permutation(num_images)
    return np.sort(order[num_held_out:]), np.sort(order[:num_held_out])


def reference_images(train: LabelledImages, num_reference: int) -> LabelledImages:
    """``num_reference`` training images, evenly spaced, so that no class is left out where they lie sorted."""
    return train.subset(np.arange(num_reference) * len(train) // num_reference)
