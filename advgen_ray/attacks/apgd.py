"""APGD: projected gradient ascent that sets its own step size (Croce and Hein 2020; in L1, Croce and Hein 2021)."""

from collections.abc import Callable
from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn

from advgen_ray.attacks.apgd_ascent import MomentumAscent, SparseAscent
from advgen_ray.attacks.checks import FiniteGradients, check_finite, check_images, check_logits, one_value_a_sample
from advgen_ray.attacks.eval_mode import eval_mode
from advgen_ray.attacks.forward import forward
from advgen_ray.attacks.live_rows import LiveRows
from advgen_ray.attacks.objectives import Objective, Until
from advgen_ray.attacks.threat_model import L1, Ball

SHRINKING_RADII = (3.0, 2.0, 1.0)  # of eps, in L1: AutoAttack comes in from outside, in .3, .3 and .4 of the steps


@dataclass(frozen=True)
class APGD:
    """As AutoAttack runs it: nothing to tune but the number of steps.

    Args:
        threat_model: L1, L2 or Linf.
        num_steps: gradient evaluations, at least 1; AutoAttack's standard takes 100.
        start_noise: gives standard normal noise of ``x``'s shape, keyed by item: the start lies in a random
            direction on the surface of the ball; None starts at ``x``. Nothing else is random.
    """

    threat_model: Ball
    num_steps: int = 100
    start_noise: Callable[[Tensor], Tensor] | None = None

    def __post_init__(self) -> None:
        if self.num_steps < 1:
            raise ValueError(f"num_steps must be at least 1, got {self.num_steps}")
        if not isinstance(self.threat_model, Ball):
            raise ValueError(f"APGD steps by the radius of a ball, got {self.threat_model}: give L1, L2 or Linf")

    def __call__(self, model: nn.Module, x: Tensor, objective: Objective, until: Until | None = None) -> Tensor:
        """The iterate of highest ``objective(model(x_adv))``, or the first one at which ``until`` holds, detached.

        ``x`` is ``[N, C, H, W]`` in [0, 1]. One forward and one backward pass a step, and one forward more (in L1,
        for each of its three radii). The model is left as ``PGD`` leaves it, and the same inputs are refused.
        """
        check_images(x)
        x, radii = x.detach(), self._radii()
        x_adv = x if self.start_noise is None else radii[0][0].surface_start(x, self.start_noise(x))
        for ball, num_steps in radii:
            ends_at = until if ball == self.threat_model else None  # outside its ball no sample has fallen
            x_adv = _ascend(model, x, ball.project(x_adv, x), objective, ends_at, ball, num_steps)
        return x_adv

    def _radii(self) -> list[tuple[Ball, int]]:
        ball, third = self.threat_model, 3 * self.num_steps // 10
        if not isinstance(ball, L1) or third == 0:
            return [(ball, self.num_steps)]
        num_steps = (third, third, self.num_steps - 2 * third)
        return [
            (replace(ball, eps=factor * ball.eps), steps)
            for factor, steps in zip(SHRINKING_RADII, num_steps, strict=True)
        ]


def _ascend(
    model: nn.Module,
    x: Tensor,
    start: Tensor,
    objective: Objective,
    until: Until | None,
    ball: Ball,
    num_steps: int,
) -> Tensor:
    num_samples, live, gradients = len(x), LiveRows(x, until), FiniteGradients()
    ascent: MomentumAscent | SparseAscent
    if isinstance(ball, L1):
        ascent = SparseAscent(ball, x, start, num_steps)
    else:
        ascent = MomentumAscent(ball, x, start, num_steps)
    with eval_mode(model), torch.enable_grad():
        for step in range(num_steps + 1):
            x_adv = ascent.x_adv.detach().requires_grad_(step < num_steps)
            outputs = live.spread(forward(model, x_adv))
            if step == 0:
                check_logits(outputs)
            values = live.take(one_value_a_sample(objective(outputs), num_samples))
            live.finish(outputs, x_adv)
            if live.all_finished:
                break
            gradient = gradients.note(*torch.autograd.grad(values.sum(), x_adv)) if step < num_steps else None
            with torch.no_grad():
                ascent.record(step, values.detach(), gradient)
                if (rows := live.drop()) is not None:
                    ascent.keep(rows)
                if gradient is not None:
                    ascent.move(step)
    gradients.check()
    check_finite(values)
    return live.ends(ascent.x_best)
