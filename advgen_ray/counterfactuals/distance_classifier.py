"""A classifier that never shows the image to a network's output layer: the class whose counterfactuals lie nearest."""

import numpy as np


def classify(distances: np.ndarray) -> np.ndarray:
    """The class with the lowest mean distance (S000 section 4): ``[N, K, R] -> [N]`` int64.

    ``distances[i, k, r]`` is the distance of image i to its r-th counterfactual of class k. Ties go to the lower
    class. Raises ValueError for another shape and for missing (non-finite) distances.
    """
    if distances.ndim != 3 or 0 in distances.shape:
        raise ValueError(
            f"distances must be [images, classes, replicates], none of them 0, got shape {distances.shape}"
        )
    if not np.isfinite(distances).all():
        image, label, replicate = np.argwhere(~np.isfinite(distances))[0]
        raise ValueError(f"distance of image {image} to its counterfactual {replicate} of class {label} is not finite")
    return distances.mean(axis=2).argmin(axis=1).astype(np.int64)
