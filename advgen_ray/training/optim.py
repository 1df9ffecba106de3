"""Optimisers, and the learning rate as a function of the step: a resumed run needs no scheduler state."""

import math
from collections.abc import Callable, Iterable

import torch
from torch import nn
from torch.optim import Optimizer

Schedule = Callable[[int], float]
"""``schedule(step) -> learning rate`` of the update at ``step`` = 0, 1, ..."""

ONE_CYCLE_RISE = 0.3  # share of the steps before the maximum, where no warmup is given
ONE_CYCLE_START = 25.0  # the first learning rate is the maximum divided by this
ONE_CYCLE_END = 1e4  # the last one is the first divided by this


def adam(parameters: Iterable[nn.Parameter], weight_decay: float = 0.0) -> Optimizer:
    """Adam with beta (0.9, 0.999), S000 section 6; decoupled decay, if any, would be AdamW: this one is L2."""
    return torch.optim.Adam(parameters, lr=0.0, betas=(0.9, 0.999), weight_decay=weight_decay, fused=True)


def sgd(parameters: Iterable[nn.Parameter], momentum: float = 0.9, weight_decay: float = 0.0) -> Optimizer:
    """Stochastic gradient descent with momentum and L2 decay."""
    return torch.optim.SGD(parameters, lr=0.0, momentum=momentum, weight_decay=weight_decay)


def constant(learning_rate: float, warmup_steps: int = 0) -> Schedule:
    """``learning_rate``, reached linearly over ``warmup_steps`` updates (score_sde: min(step / warmup, 1), from 1)."""

    def schedule(step: int) -> float:
        return learning_rate * min(1.0, (step + 1) / warmup_steps) if warmup_steps else learning_rate

    return schedule


def one_cycle(maximum: float, num_steps: int, warmup_steps: int = 0) -> Schedule:
    """Cosine up to ``maximum`` over ``warmup_steps`` (0: 30% of the run), cosine down to nearly zero at the end.

    Smith and Topin (2019) as in ``torch.optim.lr_scheduler.OneCycleLR``, momentum left alone.
    """
    top = min(warmup_steps or ONE_CYCLE_RISE * num_steps, num_steps) - 1
    first = maximum / ONE_CYCLE_START

    def schedule(step: int) -> float:
        if step <= top:
            return _cosine(first, maximum, step / max(top, 1))
        return _cosine(maximum, first / ONE_CYCLE_END, min(1.0, (step - top) / max(num_steps - 1 - top, 1)))

    return schedule


def update(optimizer: Optimizer, learning_rate: float, clip_norm: float | None) -> None:
    """One optimiser step on the gradients at hand, scaled down to ``clip_norm`` where their joint norm exceeds it."""
    for group in optimizer.param_groups:
        group["lr"] = learning_rate
    if clip_norm is not None:
        parameters = [p for group in optimizer.param_groups for p in group["params"]]
        nn.utils.clip_grad_norm_(parameters, clip_norm)
    optimizer.step()


def _cosine(start: float, end: float, share: float) -> float:
    return end + (start - end) * (1 + math.cos(math.pi * share)) / 2
