"""Which of several candidates no other one beats in every objective at once."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray


def on_front(*objectives: ArrayLike, maximize: Sequence[bool] | None = None) -> NDArray[np.bool_]:
    """Truth value ``[N]``: no other candidate is at least as good in every objective and better in one.

    Candidates that coincide stand or fall together. One with a value that is not finite is never on the front.

    Args:
        objectives: their values ``[N]``, one array each.
        maximize: for each objective whether the larger is the better; without, of all.

    Raises:
        ValueError: not one direction for each objective.
    """
    directions = [True] * len(objectives) if maximize is None else list(maximize)
    if len(directions) != len(objectives) or not objectives:
        raise ValueError(f"expected a direction for each objective, got {len(directions)} for {len(objectives)}")
    signed = [np.asarray(one, dtype=float) * (1 if up else -1) for one, up in zip(objectives, directions, strict=True)]
    values: NDArray[np.float64] = np.stack(signed)  # [objectives, N]
    finite = np.isfinite(values).all(axis=0)
    values = np.where(finite, values, -np.inf)
    as_good = (values[:, None, :] >= values[:, :, None]).all(axis=0)  # [i, j]: j is as good as i in all
    better = (values[:, None, :] > values[:, :, None]).any(axis=0)
    beaten: NDArray[np.bool_] = np.any(as_good & better, axis=1)
    front: NDArray[np.bool_] = finite & ~beaten
    return front
