"""The constants of a generative classifier: of unnormalized densities nobody knows how they compare (S004 3.4.2)."""

from dataclasses import dataclass

import numpy as np
from scipy.optimize import minimize
from scipy.special import log_softmax

MAX_ITERATIONS = 500


@dataclass(frozen=True)
class Calibration:
    """``offsets`` ``[K]``, which sum to zero, and the mean cross-entropies that they were chosen by.

    Args:
        offsets: ``c_k``, to be added to the logits.
        loss: of the samples learned from, before and after.
        held_out_loss: of the others, before and after; never higher after.
        iteration: at which it was stopped early, 0 where nothing helped.
        num_iterations: until the minimum.
    """

    offsets: np.ndarray
    loss: tuple[float, float]
    held_out_loss: tuple[float, float]
    iteration: int
    num_iterations: int


def calibrate(logits: np.ndarray, y: np.ndarray, held_out_logits: np.ndarray, held_out_y: np.ndarray) -> Calibration:
    """Offsets ``c`` of least cross-entropy of ``d + c`` (S004 equation 3.43, section 3.4.4), stopped early.

    From zeros by L-BFGS in double precision; of its iterates, the start among them, the one of least cross-entropy on
    the samples held out. S004 stops by its test set, which is then no test any more. A constant added to all offsets
    changes nothing, so they sum to zero. The problem is convex.

    Args:
        logits: ``d_k`` of the samples to learn from, ``[N, K]``.
        y: their labels ``[N]``.
        held_out_logits: of other samples, ``[M, K]``.
        held_out_y: their labels ``[M]``.

    Raises ValueError where either has no sample, or shapes do not fit.
    """
    learned, held_out = _Sample(logits, y), _Sample(held_out_logits, held_out_y)
    if learned.num_classes != held_out.num_classes:
        raise ValueError(f"logits of {learned.num_classes} and of {held_out.num_classes} classes")
    ways = [np.zeros(learned.num_classes)]
    minimize(
        learned.cross_entropy,
        ways[0],
        jac=True,
        method="L-BFGS-B",
        callback=lambda offsets: ways.append(offsets.copy()),
        options={"maxiter": MAX_ITERATIONS, "gtol": 1e-10, "ftol": 1e-15},
    )
    ways = [offsets - offsets.mean() for offsets in ways]
    losses = [held_out.cross_entropy(offsets)[0] for offsets in ways]
    best = int(np.argmin(losses))  # the first of equals
    before, after = (learned.cross_entropy(offsets)[0] for offsets in (ways[0], ways[best]))
    return Calibration(ways[best], (before, after), (losses[0], losses[best]), best, len(ways) - 1)


class _Sample:
    """Logits with their labels, in double precision."""

    def __init__(self, logits: np.ndarray, y: np.ndarray) -> None:
        self.logits, self.y = np.asarray(logits, dtype=np.float64), np.asarray(y, dtype=np.int64)
        if self.logits.ndim != 2 or self.y.shape != self.logits.shape[:1] or not len(self.y):
            raise ValueError(f"expected logits [N, K] and N labels, N > 0, got {self.logits.shape} and {self.y.shape}")
        self.num_classes = self.logits.shape[1]
        self.frequencies = np.bincount(self.y, minlength=self.num_classes) / len(self.y)

    def cross_entropy(self, offsets: np.ndarray) -> tuple[float, np.ndarray]:
        """Its mean, and the gradient: the mean softmax minus the classes' frequencies."""
        log_p = log_softmax(self.logits + offsets, axis=1)
        loss = -float(np.take_along_axis(log_p, self.y[:, None], axis=1).mean())
        return loss, np.exp(log_p).mean(axis=0) - self.frequencies
