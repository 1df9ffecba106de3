"""Distances of counterfactuals to their sources, as S000 section 6 measures them; pixels in [0, 1]."""

from torch import Tensor


def l2(x_ce: Tensor, x: Tensor) -> Tensor:
    """Euclidean distance, ``[N, C, H, W]`` twice ``-> [N]``."""
    return (x_ce - x).flatten(1).norm(dim=1)


def l1(x_ce: Tensor, x: Tensor) -> Tensor:
    """Sum of absolute differences, ``[N]``."""
    return (x_ce - x).flatten(1).abs().sum(1)


def linf(x_ce: Tensor, x: Tensor) -> Tensor:
    """Largest absolute difference, ``[N]``."""
    return (x_ce - x).flatten(1).abs().amax(1)


def l0(x_ce: Tensor, x: Tensor, threshold: float = 0.02) -> Tensor:
    """Share in [0, 1] of elements that differ by more than ``threshold``, ``[N]`` (S000 section 6: 0.02)."""
    return ((x_ce - x).abs() > threshold).flatten(1).float().mean(1)
