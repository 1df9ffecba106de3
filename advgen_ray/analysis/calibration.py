"""What calibration does to a generative classifier: accuracy before and after, and how large logits are beside it."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from advgen_ray.analysis.proportion import Proportion, proportion
from advgen_ray.detection.calibration import Calibration, calibrate
from advgen_ray.rng import Stream


@dataclass(frozen=True)
class Calibrated:
    """The constants found, and the accuracy of ``d_k`` and of ``d_k + c_k`` on each split's images, all of them."""

    calibration: Calibration
    before: dict[str, Proportion]
    after: dict[str, Proportion]


def calibrated(splits: dict[str, tuple[np.ndarray, np.ndarray]], num_held_out: int, seed: int) -> Calibrated:
    """Learn on ``train`` but for some that the seed holds out; ``splits`` are logits ``[N, K]`` and labels ``[N]``."""
    logits, y = splits["train"]
    order = Stream(seed, "calibration").permutation(len(y))
    held_out, rest = order[:num_held_out], order[num_held_out:]
    found = calibrate(logits[rest], y[rest], logits[held_out], y[held_out])
    return Calibrated(
        found,
        {name: proportion(logits.argmax(axis=1) == y) for name, (logits, y) in splits.items()},
        {name: proportion((logits + found.offsets).argmax(axis=1) == y) for name, (logits, y) in splits.items()},
    )


def logits_by_class(logits: np.ndarray, y: np.ndarray, offsets: np.ndarray) -> pd.DataFrame:
    """One row a class: class, offset, own_median and others_median of ``d_k`` (S004 table 3.17, figure 3.11)."""
    return pd.DataFrame(
        [
            {
                "class": k,
                "offset": float(offset),
                "own_median": _median(logits[y == k, k]),
                "others_median": _median(logits[y != k, k]),
            }
            for k, offset in enumerate(offsets)
        ]
    )


def _median(values: np.ndarray) -> float:
    return float(np.median(values)) if len(values) else float("nan")
