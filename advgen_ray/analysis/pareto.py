"""Which trained models no other one beats in both clean and robust accuracy."""

import numpy as np
from numpy.typing import ArrayLike, NDArray


def on_front(clean: ArrayLike, robust: ArrayLike) -> NDArray[np.bool_]:
    """Truth value ``[N]``: no other point is at least as good in both accuracies ``[N]`` and better in one.

    Points that coincide stand or fall together. A point with a value that is not finite is never on the front.
    """
    x, y = np.asarray(clean, dtype=float), np.asarray(robust, dtype=float)
    finite = np.isfinite(x) & np.isfinite(y)
    x, y = np.where(finite, x, -np.inf), np.where(finite, y, -np.inf)
    as_good = (x >= x[:, None]) & (y >= y[:, None])  # [i, j]: j is as good as i in both
    better = (x > x[:, None]) | (y > y[:, None])
    front: NDArray[np.bool_] = finite & ~(as_good & better).any(axis=1)
    return front
