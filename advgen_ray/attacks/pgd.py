"""The only ascent loop: projected gradient ascent of an objective (Madry et al. 2018; FGSM is one step)."""

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from advgen_ray.attacks.eval_mode import eval_mode
from advgen_ray.attacks.objectives import Objective
from advgen_ray.attacks.threat_model import ThreatModel


@dataclass(frozen=True)
class PGD:
    """``x_adv <- project(x_adv + step_size * step(gradient))``, ``num_steps`` times; the last iterate.

    Args:
        threat_model: the geometry: L2, Linf or Unconstrained.
        num_steps: gradient evaluations, at least 1.
        step_size: length of a step in the threat model's norm, [0, 1] pixel units.
        start_noise: gives standard normal noise of ``x``'s shape, keyed by item; None starts at ``x``.
        start_sigma: None starts anywhere in the ball, uniformly; a number starts at ``x`` plus noise of that
            standard deviation (TRADES: 0.001).
    """

    threat_model: ThreatModel
    num_steps: int
    step_size: float
    start_noise: Callable[[Tensor], Tensor] | None = None
    start_sigma: float | None = None

    def __post_init__(self) -> None:
        if self.num_steps < 1:
            raise ValueError(f"num_steps must be at least 1, got {self.num_steps}")
        if not 0 <= self.step_size < math.inf:
            raise ValueError(f"step_size must be zero or positive and finite, got {self.step_size}")

    def __call__(self, model: nn.Module, x: Tensor, objective: Objective) -> Tensor:
        """Ascend ``objective(model(x_adv))`` from ``x`` ``[N, C, H, W]`` in [0, 1]; returns ``x_adv``, detached.

        The model runs in evaluation mode and gets its modes back; parameters, buffers and ``.grad`` are left
        as they are. Sums, never means, are differentiated, so a sample's result does not depend on its batch.
        Raises ValueError for images outside [0, 1] or NaN, probabilities in place of logits, an objective that
        is not ``[N]``, and outputs or gradients that are not finite.
        """
        _check_images(x)
        x = x.detach()
        with eval_mode(model), torch.enable_grad():
            x_adv = self._start(x)
            for step in range(self.num_steps):
                x_adv = x_adv.detach().requires_grad_()
                outputs = model(x_adv)
                if step == 0:
                    _refuse_probabilities(outputs)
                (gradient,) = torch.autograd.grad(_total(objective(outputs), len(x)), x_adv)
                with torch.no_grad():
                    moved = torch.add(x_adv, self.threat_model.step(gradient), alpha=self.step_size)
                    x_adv = self.threat_model.project(moved, x)
        if not x_adv.isfinite().all():
            raise ValueError("the attack met outputs or gradients that are not finite: check the model's weights")
        return x_adv

    def _start(self, x: Tensor) -> Tensor:
        if self.start_noise is None:
            return x
        noise = self.start_noise(x)
        if self.start_sigma is None:
            return self.threat_model.random_start(x, noise)
        return self.threat_model.project(x + self.start_sigma * noise, x)


def _check_images(x: Tensor) -> None:
    if not x.is_floating_point() or x.dim() < 2 or x.numel() == 0:
        raise ValueError(f"expected floating-point images [N, C, H, W], got {x.dtype} of shape {list(x.shape)}")
    low, high = (float(value) for value in torch.aminmax(x.detach()))
    if math.isnan(low):
        raise ValueError("images hold NaN, expected values in [0, 1]")
    if low < 0 or high > 1:
        raise ValueError(f"images must lie in [0, 1], got {low:g} to {high:g}; divide values in 0..255 by 255")


def _refuse_probabilities(outputs: Tensor) -> None:
    """A softmax inside the model makes attacks weak and energies meaningless, with no other sign of it."""
    if outputs.dim() == 2 and outputs.shape[1] > 1:
        values = outputs.detach()
        if bool((values >= 0).all() & ((values.sum(dim=1) - 1).abs() < 1e-4).all()):
            raise ValueError("the model's outputs are probabilities, expected logits: remove its softmax")


def _total(values: Tensor, num_samples: int) -> Tensor:
    if values.shape != (num_samples,):
        raise ValueError(f"an objective gives one value a sample, [{num_samples}], got shape {list(values.shape)}")
    return values.sum()
