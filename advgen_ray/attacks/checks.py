"""What every attack refuses, in one line each: images out of range, probabilities, broken models, batch means."""

import math

import torch
from torch import Tensor


def check_images(x: Tensor) -> None:
    """Raise ValueError unless ``x`` is a non-empty floating-point batch ``[N, C, H, W]`` in [0, 1]."""
    if not x.is_floating_point() or x.dim() < 2 or x.numel() == 0:
        raise ValueError(f"expected floating-point images [N, C, H, W], got {x.dtype} of shape {list(x.shape)}")
    low, high = (float(value) for value in torch.aminmax(x.detach()))
    if math.isnan(low):
        raise ValueError("images hold NaN, expected values in [0, 1]")
    if low < 0 or high > 1:
        raise ValueError(f"images must lie in [0, 1], got {low:g} to {high:g}; divide values in 0..255 by 255")


def check_logits(outputs: Tensor) -> None:
    """Raise ValueError for outputs that are not finite, or that look like probabilities ``[N, K]``.

    A softmax inside the model makes attacks weak and energies meaningless, with no other sign of it.
    """
    check_finite(outputs.detach())
    if are_probabilities(outputs.detach()):
        raise ValueError("the model's outputs are probabilities, expected logits: remove its softmax")


def are_probabilities(outputs: Tensor) -> bool:
    """Whether all rows of ``[N, K]``, K > 1, look like a softmax's: non-negative, with a sum of 1."""
    several = outputs.dim() == 2 and outputs.shape[1] > 1
    return several and bool((outputs >= 0).all() & ((outputs.sum(dim=1) - 1).abs() < 1e-4).all())


def check_finite(values: Tensor) -> None:
    """Raise ValueError where NaN or infinity came out of a model or its gradient."""
    if not values.isfinite().all():
        raise ValueError("the attack met outputs or gradients that are not finite: check the model's weights")


class FiniteGradients:
    """Whether all gradients of an attack were finite: noted at every step, asked at its end, as asking stops a GPU.

    Without it a NaN would pass for robustness: its sign is zero, so that in Linf and L1 the image would stay.
    """

    def __init__(self) -> None:
        self._zero: Tensor | None = None

    def note(self, gradient: Tensor) -> Tensor:
        """Remember whether the gradient is finite; gives it back."""
        zero = (0 * gradient).sum()  # NaN where the gradient is NaN or infinite, at a tenth of the cost of isfinite
        self._zero = zero if self._zero is None else self._zero + zero
        return gradient

    def check(self) -> None:
        """Raise ValueError where any noted gradient was not finite."""
        if self._zero is not None:
            check_finite(self._zero)


def one_value_a_sample(values: Tensor, num_samples: int) -> Tensor:
    """The values of an objective, ``[num_samples]``; raises ValueError for any other shape, such as a batch mean."""
    if values.shape != (num_samples,):
        raise ValueError(f"an objective gives one value a sample, [{num_samples}], got shape {list(values.shape)}")
    return values
