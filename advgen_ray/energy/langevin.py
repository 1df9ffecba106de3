"""Images from a classifier's joint energy E(x, y) by stochastic gradient Langevin dynamics with momentum (S001 A.7)."""

import math
from collections.abc import Callable

import torch
from torch import Tensor, nn

from advgen_ray.energy.input_gradients import value_and_gradient
from advgen_ray.energy.logits import energy_xy

OnStep = Callable[[int, Tensor, Tensor], None]
"""``on_step(step, x, energy)``: the images after ``step`` steps ``[N, C, H, W]`` and their E(x, y) ``[N]``."""


def langevin(
    model: nn.Module,
    x: Tensor,
    y: Tensor,
    noise_fn: Callable[[int], Tensor],
    *,
    num_steps: int,
    step_size: float,
    momentum: float,
    noise_scale: float,
    on_step: OnStep | None = None,
) -> Tensor:
    """Descend E(x, y) from ``x`` ``[N, C, H, W]`` in [0, 1] towards label ``y`` ``[N]``; returns images in [0, 1].

    ``v <- momentum v - step_size/2 dE(x, y)/dx``, ``x <- clip(x + v + sqrt(2 step_size) noise_scale noise, 0, 1)``,
    with ``v = 0`` before the first step. S001 table C names them N, eta (step size), zeta (momentum, there "friction")
    and gamma (noise scale, there "noise variance", though its code uses it as a standard deviation): 150, .05, .8,
    .001 for a TRADES model and 20, .05, .5, .001 for one of standard adversarial training.

    ``noise_fn(step)`` gives standard normal noise of ``x``'s shape keyed by (item, step). ``on_step`` sees the start
    and what follows every step, ``num_steps + 1`` times. Samples do not depend on one another. Raises ValueError for a
    model in training mode, images outside [0, 1], settings out of range and gradients that are not finite.
    """
    if num_steps < 0 or not 0 <= step_size < math.inf or not 0 <= momentum < 1 or not 0 <= noise_scale < math.inf:
        raise ValueError(
            f"expected num_steps, step_size, noise_scale >= 0 and momentum in [0, 1), got num_steps={num_steps}, "
            f"step_size={step_size}, momentum={momentum}, noise_scale={noise_scale}"
        )
    if not bool(((x >= 0) & (x <= 1)).all()):  # false for NaN too
        raise ValueError("the images to start from must lie in [0, 1]")
    x = x.detach()
    velocity = torch.zeros_like(x)
    for step in range(num_steps):
        energy, gradient = value_and_gradient(model, x, lambda logits: energy_xy(logits, y))
        if on_step:
            on_step(step, x, energy)
        velocity = momentum * velocity - step_size / 2 * gradient
        moved = x + velocity
        if noise_scale:
            moved = moved + math.sqrt(2 * step_size) * noise_scale * noise_fn(step).to(x)
        x = moved.clamp(0, 1)
    if on_step:
        with torch.no_grad():
            on_step(num_steps, x, energy_xy(model(x), y))
    if not (x.isfinite().all() and velocity.isfinite().all()):  # the clip hides an infinite step; velocity keeps it
        raise ValueError("the descent met gradients that are not finite: check the model's weights")
    return x
