"""Variance-preserving diffusion: schedule, training loss, guidance, samplers; all of it over plain score functions."""

from collections.abc import Callable

from torch import Tensor

ScoreFn = Callable[[Tensor, Tensor, Tensor], Tensor]
"""``(x_t [N, C, H, W], t [N] in [0, 1], y [N] int64) -> [N, C, H, W]``: gradient in ``x_t`` of log density."""
