"""The last step of detectors that are trained: logistic regression on a few numbers of an image.

Both Feinman et al. (2017: density, uncertainty) and Ma et al. (2018: LID of each layer) end in it.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

Columns = NDArray[np.float64]


@dataclass(frozen=True)
class LogisticDetector:
    """``weights . (columns - mean) / scale + bias``; all of length F, the number of columns."""

    mean: Columns
    scale: Columns
    weights: Columns
    bias: float

    def detection_score(self, columns: ArrayLike) -> Columns:
        """Log odds ``[N]`` of being adversarial, from ``columns [N, F]``: higher means more adversarial."""
        standard = (_checked(columns, "columns") - self.mean) / self.scale
        return np.asarray(standard @ self.weights + self.bias)


def fit_logistic(natural: ArrayLike, adversarial: ArrayLike) -> LogisticDetector:
    """Fit on ``natural [N, F]`` and ``adversarial [M, F]`` (the positives), both classes weighing the same.

    The columns are standardized; an L2 penalty of C = 1 as scikit-learn has it (the papers' code cross-validates C).
    Both papers count images with random noise among the natural ones, so that noise alone is no attack: append them.
    Raises ValueError for empty or non-finite columns, or a different number of them.
    """
    from sklearn.linear_model import LogisticRegression  # takes two seconds, in every actor that fits nothing

    negatives, positives = _checked(natural, "natural"), _checked(adversarial, "adversarial")
    columns = np.concatenate([negatives, positives])
    mean, scale = columns.mean(axis=0), columns.std(axis=0)
    scale = np.where(scale > 0, scale, 1.0)
    labels = np.repeat([0, 1], [len(negatives), len(positives)])
    fitted = LogisticRegression(class_weight="balanced").fit((columns - mean) / scale, labels)
    return LogisticDetector(mean, scale, fitted.coef_[0], float(fitted.intercept_[0]))


def _checked(columns: ArrayLike, name: str) -> Columns:
    values = np.asarray(columns, dtype=np.float64)
    if values.ndim != 2 or values.size == 0:
        raise ValueError(f"{name} must be a table [N, F] with rows, got shape {list(values.shape)}")
    if not np.isfinite(values).all():
        raise ValueError(f"{name} must be finite, got {int((~np.isfinite(values)).sum())} values that are not")
    return values
