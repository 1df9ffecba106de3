"""Projected gradient ascent of an objective (Madry et al. 2018), the attack that training uses; FGSM is one step."""

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from advgen_ray.attacks.adam import adam_step
from advgen_ray.attacks.checks import FiniteGradients, check_finite, check_images, check_logits, one_value_a_sample
from advgen_ray.attacks.eval_mode import eval_mode
from advgen_ray.attacks.forward import forward
from advgen_ray.attacks.live_rows import LiveRows, per_sample
from advgen_ray.attacks.objectives import Objective, Until
from advgen_ray.attacks.threat_model import ThreatModel

OnStep = Callable[[int, Tensor], None]
"""``on_step(steps taken, iterates [N, C, H, W])``: who watches an ascent, and must not change what it is shown."""


@dataclass(frozen=True)
class PGD:
    """``x_adv <- project(x_adv + step_size * step(gradient))``, ``num_steps`` times.

    One step of size eps from ``x`` in ``Linf`` is FGSM (Goodfellow et al. 2015).

    Args:
        threat_model: the geometry: L1, L2, Linf or Unconstrained.
        num_steps: gradient evaluations, at least 1.
        step_size: length of a step in the threat model's norm, or of Adam's in a pixel, [0, 1] pixel units.
        start_noise: gives standard normal noise of ``x``'s shape, keyed by item; None starts at ``x``.
        start_sigma: None starts anywhere in the ball, uniformly; a number starts at ``x`` plus noise of that
            standard deviation (TRADES: 0.001).
        keep_best: return the iterate of highest objective, the start included, not the last; one more forward.
        adam: step as Adam does (Kingma and Ba 2015; S004 section 3.2.3), not along the normalized gradient or its sign.
    """

    threat_model: ThreatModel
    num_steps: int
    step_size: float
    start_noise: Callable[[Tensor], Tensor] | None = None
    start_sigma: float | None = None
    keep_best: bool = False
    adam: bool = False

    def __post_init__(self) -> None:
        if self.num_steps < 1:
            raise ValueError(f"num_steps must be at least 1, got {self.num_steps}")
        if not 0 <= self.step_size < math.inf:
            raise ValueError(f"step_size must be zero or positive and finite, got {self.step_size}")
        if self.start_sigma is not None and self.start_noise is None:
            raise ValueError("start_sigma scales start_noise: give both")

    def __call__(
        self,
        model: nn.Module,
        x: Tensor,
        objective: Objective,
        until: Until | None = None,
        on_step: OnStep | None = None,
    ) -> Tensor:
        """Ascend ``objective(model(x_adv))`` from ``x`` ``[N, C, H, W]`` in [0, 1]; returns ``x_adv``, detached.

        A sample for which ``until`` holds at an iterate ends there; ``on_step`` is shown the iterates after each step,
        of the samples that still go on. The model runs in evaluation mode and gets its
        modes back; parameters, buffers and ``.grad`` are left as they are. Sums, never means, are differentiated,
        so a sample's result does not depend on its batch. Raises ValueError for images outside [0, 1] or NaN,
        probabilities in place of logits, an objective that is not ``[N]``, and outputs or gradients that are not
        finite.
        """
        check_images(x)
        x, num_samples, num_passes = x.detach(), len(x), self.num_steps + self.keep_best
        live, gradients = LiveRows(x, until), FiniteGradients()
        with eval_mode(model), torch.enable_grad():
            x_adv = x_best = self._start(x)
            best = x.new_full((num_samples,), -math.inf) if self.keep_best else None
            moments = (torch.zeros_like(x), torch.zeros_like(x)) if self.adam else None
            for step in range(num_passes):
                x_adv = x_adv.detach().requires_grad_(step < self.num_steps)
                outputs = live.spread(forward(model, x_adv))
                if step == 0:
                    check_logits(outputs)
                values = live.take(one_value_a_sample(objective(outputs), num_samples))
                live.finish(outputs, x_adv)
                if best is not None:
                    better = values.detach() > best
                    x_best = torch.where(per_sample(better, x), x_adv.detach(), x_best)
                    best = torch.where(better, values.detach(), best)
                if live.all_finished or step == self.num_steps:
                    break
                gradient = gradients.note(*torch.autograd.grad(values.sum(), x_adv))
                with torch.no_grad():
                    if moments is None:
                        direction = self.threat_model.step(gradient, x_adv)
                    else:
                        direction, first, second = adam_step(gradient, *moments, step + 1)
                        moments = first, second
                    moved = torch.add(x_adv, direction, alpha=self.step_size)
                    x_adv = self.threat_model.project(moved, x)
                    if on_step is not None:
                        on_step(step + 1, x_adv)
                    if (rows := live.drop()) is not None:
                        x, x_adv, x_best = x[rows], x_adv[rows], x_best[rows]
                        best = None if best is None else best[rows]
                        moments = None if moments is None else (moments[0][rows], moments[1][rows])
            x_adv = live.ends(x_adv.detach() if best is None else x_best)
        gradients.check()
        check_finite(x_adv)
        return x_adv

    def _start(self, x: Tensor) -> Tensor:
        if self.start_noise is None:
            return x
        noise = self.start_noise(x)
        if self.start_sigma is None:
            return self.threat_model.random_start(x, noise)
        return self.threat_model.project(x + self.start_sigma * noise, x)
