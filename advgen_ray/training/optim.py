"""Optimisers, and the learning rate as a function of the step: a resumed run needs no scheduler state."""

import math
from collections.abc import Callable, Iterable

import torch
from torch import nn
from torch.optim import Optimizer

Schedule = Callable[[int], float]
"""``schedule(step) -> learning rate`` of the update at ``step`` = 0, 1, ..."""

ADAM_BETAS = (0.9, 0.999)  # S000 section 6
ONE_CYCLE_START = 25.0  # the first learning rate is the maximum divided by this
ONE_CYCLE_END = 1e4  # the last one is the first divided by this
ONE_CYCLE_MOMENTUM = (0.95, 0.85)  # at the lowest learning rate and at the highest


def adam(
    parameters: Iterable[nn.Parameter], weight_decay: float = 0.0, betas: tuple[float, float] = ADAM_BETAS
) -> Optimizer:
    """Adam; decoupled decay, if any, would be AdamW: this one is L2."""
    return torch.optim.Adam(parameters, lr=0.0, betas=betas, weight_decay=weight_decay, fused=True)


def sgd(parameters: Iterable[nn.Parameter], momentum: float = 0.9, weight_decay: float = 0.0) -> Optimizer:
    """Stochastic gradient descent with momentum and L2 decay."""
    return torch.optim.SGD(parameters, lr=0.0, momentum=momentum, weight_decay=weight_decay)


def constant(learning_rate: float, warmup_steps: int = 0) -> Schedule:
    """``learning_rate``, reached linearly over ``warmup_steps`` updates (score_sde: min(step / warmup, 1), from 1)."""

    def schedule(step: int) -> float:
        return learning_rate * min(1.0, (step + 1) / warmup_steps) if warmup_steps else learning_rate

    return schedule


def one_cycle(maximum: float, num_steps: int, warmup_steps: int = 0, rise: float = 0.3) -> Schedule:
    """Cosine up to ``maximum`` over ``warmup_steps`` (0: the share ``rise`` of the run), then down to nearly zero.

    Smith and Topin (2019) as in ``torch.optim.lr_scheduler.OneCycleLR``, where ``rise`` is called pct_start.
    """
    top = _top(num_steps, warmup_steps, rise)
    first = maximum / ONE_CYCLE_START

    def schedule(step: int) -> float:
        if step <= top:
            return _cosine(first, maximum, step / max(top, 1))
        return _cosine(maximum, first / ONE_CYCLE_END, _share_after(step, top, num_steps))

    return schedule


def one_cycle_momentum(num_steps: int, warmup_steps: int = 0, rise: float = 0.3) -> Schedule:
    """Momentum against the learning rate of ``one_cycle``: from .95 down to .85 where that is highest, and back.

    What ``OneCycleLR`` does unless told not to, so what ran in codes whose papers say momentum 0.9.
    """
    top = _top(num_steps, warmup_steps, rise)
    high, low = ONE_CYCLE_MOMENTUM

    def schedule(step: int) -> float:
        if step <= top:
            return _cosine(high, low, step / max(top, 1))
        return _cosine(low, high, _share_after(step, top, num_steps))

    return schedule


def update(optimizer: Optimizer, learning_rate: float, clip_norm: float | None, momentum: float | None = None) -> None:
    """One optimiser step on the gradients at hand, scaled down to ``clip_norm`` where their joint norm exceeds it."""
    for group in optimizer.param_groups:
        group["lr"] = learning_rate
        if momentum is not None:
            group["momentum"] = momentum
    if clip_norm is not None:
        parameters = [p for group in optimizer.param_groups for p in group["params"]]
        nn.utils.clip_grad_norm_(parameters, clip_norm)
    optimizer.step()


def _top(num_steps: int, warmup_steps: int, rise: float) -> float:
    """The step of the highest learning rate."""
    return min(warmup_steps or rise * num_steps, num_steps) - 1


def _share_after(step: int, top: float, num_steps: int) -> float:
    return min(1.0, (step - top) / max(num_steps - 1 - top, 1))


def _cosine(start: float, end: float, share: float) -> float:
    return end + (start - end) * (1 + math.cos(math.pi * share)) / 2
