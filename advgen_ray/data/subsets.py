"""Which images of a training split are held out: what several jobs must choose alike."""

import numpy as np

from advgen_ray.rng import Stream


def hold_out(
    num_images: int, num_held_out: int, seed: int, purpose: str = "validation"
) -> tuple[np.ndarray, np.ndarray]:
    """Places, rising, of the images to train on and of those held out: chosen by seed and ``purpose`` alone."""
    order = Stream(seed, purpose).permutation(num_images)
    return np.sort(order[num_held_out:]), np.sort(order[:num_held_out])
