"""Catalogue D5: do samples lie nearer to training images than new real images do (S004 2.5.4)?"""

import numpy as np
from numpy.typing import NDArray

from advgen_ray.rng import Stream

LOW = 0.01  # copies are the nearest ones; the very nearest of many would hang on a single image
NUM_RESAMPLES = 2000


def low_l2(distances: NDArray[np.float64]) -> float:
    """The distance within which ``LOW`` of the images ``[N]`` have a training image."""
    return float(np.quantile(distances, LOW))


def nearness(samples: NDArray[np.float64], real: NDArray[np.float64], seed: int) -> dict[str, float]:
    """low_l2 of samples, ratio (of it to that of real images), ratio_low and ratio_high.

    ``samples [N]`` and ``real [M]`` are L2 distances to the nearest training image. The ends are a 95% percentile
    bootstrap over both; nan where a real image is a training image in every resample.
    """
    generator = Stream(seed, "nearness").generator("resamples")
    one, other = (np.quantile(generator.choice(of, (NUM_RESAMPLES, len(of))), LOW, axis=1) for of in (samples, real))
    with np.errstate(divide="ignore", invalid="ignore"):
        low, high = np.quantile(one / other, (0.025, 0.975))
        ratio = np.float64(low_l2(samples)) / low_l2(real)
    return {"low_l2": low_l2(samples), "ratio": float(ratio), "ratio_low": float(low), "ratio_high": float(high)}
