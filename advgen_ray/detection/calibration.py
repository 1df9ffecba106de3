"""The constants of a generative classifier: of unnormalized densities nobody knows how they compare (S004 3.4.2)."""

from dataclasses import dataclass

import numpy as np
from scipy.special import log_softmax

STEP_SIZE = 2.0  # one over the largest curvature that a cross-entropy has in its logits, 1/2: no step overshoots
MAX_ITERATIONS, PATIENCE = 5000, 200
CONVERGED = 1e-9  # of the gradient


@dataclass(frozen=True)
class Calibration:
    """``offsets`` ``[K]``, which sum to zero, and the mean cross-entropies that they were chosen by.

    Args:
        offsets: ``c_k``, to be added to the logits.
        loss: of the samples learned from, before and after.
        held_out_loss: of the others, before and after; never higher after.
        iteration: of the offsets, 0 where nothing helped.
        num_iterations: until it ended, at the minimum or after 200 that did not help.
    """

    offsets: np.ndarray
    loss: tuple[float, float]
    held_out_loss: tuple[float, float]
    iteration: int
    num_iterations: int


def calibrate(logits: np.ndarray, y: np.ndarray, held_out_logits: np.ndarray, held_out_y: np.ndarray) -> Calibration:
    """Offsets ``c`` of least cross-entropy of ``d + c`` (S004 equation 3.43, section 3.4.4), stopped early.

    From zeros by gradient descent in double precision; of its iterates, the start among them, the one of least
    cross-entropy on the samples held out. S004 stops by its test set, which is then no test any more. A constant added
    to all offsets changes nothing, so they sum to zero. The problem is convex. Where classes are far apart it is flat
    from the start, and the offsets stay as small as its gradient: L-BFGS, faster on the whole, would begin with a step
    of length one.

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
    offsets = best = np.zeros(learned.num_classes)
    loss, gradient = before = learned.cross_entropy(offsets)
    after, held_out_before = loss, held_out.cross_entropy(offsets)[0]
    lowest, kept, iteration = held_out_before, 0, 0
    while np.abs(gradient).max() > CONVERGED and iteration < min(kept + PATIENCE, MAX_ITERATIONS):
        offsets, iteration = offsets - STEP_SIZE * gradient, iteration + 1
        loss, gradient = learned.cross_entropy(offsets)
        value = held_out.cross_entropy(offsets)[0]
        if value < lowest:
            best, after, lowest, kept = offsets, loss, value, iteration
    return Calibration(best - best.mean(), (before[0], after), (held_out_before, lowest), kept, iteration)


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
