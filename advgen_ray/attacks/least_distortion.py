"""The smallest L2 change after which an input passes: searched for in several ways, of which the nearest counts.

Each search takes a model, images, and per-sample functions of the model's outputs: ``objective`` to ascend and
``passes`` to end in. What it finds is an upper bound of the least distortion, so that of several the smallest is the
better one; none is trusted alone. Every sample by itself: the batch decides nothing.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from advgen_ray.attacks.adam import adam_step
from advgen_ray.attacks.checks import check_finite, check_images, check_logits, one_value_a_sample
from advgen_ray.attacks.cw import CW
from advgen_ray.attacks.eval_mode import eval_mode
from advgen_ray.attacks.fab import FAB
from advgen_ray.attacks.forward import forward, logits_of
from advgen_ray.attacks.live_rows import per_sample
from advgen_ray.attacks.objectives import Objective, Until
from advgen_ray.attacks.passing import Passing, TwoClasses
from advgen_ray.attacks.pgd import PGD
from advgen_ray.attacks.threat_model import L2, Unconstrained

CW_STEPS = 10  # for each step of the other searches: its Adam's steps are small


@dataclass(frozen=True)
class Found:
    """The nearest inputs that pass: ``x_adv`` ``[N, C, H, W]`` and ``distance`` ``[N]``, L2 in [0, 1] pixel units.

    Where none was found ``distance`` is infinite and ``x_adv`` the image itself: not found is never distance zero.
    """

    x_adv: Tensor
    distance: Tensor

    @property
    def success(self) -> Tensor:
        """Whether one was found, bool ``[N]``."""
        return self.distance < torch.inf

    def nearer(self, other: "Found") -> "Found":
        """Sample by sample the nearer of two."""
        better = other.distance < self.distance
        x_adv = torch.where(per_sample(better, self.x_adv), other.x_adv, self.x_adv)
        return Found(x_adv, torch.where(better, other.distance, self.distance))


def found_at(model: nn.Module, candidates: Tensor, x: Tensor, passes: Until) -> Found:
    """Those of ``candidates`` ``[N, C, H, W]`` that pass, read again, at their distances from ``x``."""
    return _of(logits_of(model, candidates), candidates, x, passes)


@dataclass(frozen=True)
class PenalizedDescents:
    """The dissertation's search (S004 table 3.11): unbounded ascents under a penalty ``c |x_adv - x|_2^2``.

    ``num_descents`` times ``num_steps`` steps of length ``step_size`` along gradient - 2 c (x_adv - x), from the image.
    ``c`` begins at 0 and is then bisected in [0, ``largest_c``], sample by sample: larger after a descent whose last
    iterate passes, smaller after one whose last does not. The released code has 100 steps of .1, 20 descents and 1 for
    CIFAR-10; for MNIST 500 steps by Adam, c up to 8 and any class but the label for target. ``adam`` takes such steps,
    ``step_size`` in a pixel: the gradient of an MNIST detector turns at every step, and 100 steps of .1 along it end
    1.4 from the image, 100 of Adam's .01 end 5.8 from it.
    """

    num_steps: int = 100
    step_size: float = 0.1
    num_descents: int = 20
    largest_c: float = 1.0
    adam: bool = False

    def __post_init__(self) -> None:
        for name in ("num_steps", "num_descents", "step_size", "largest_c"):
            if getattr(self, name) <= 0:
                raise ValueError(f"{name} must be positive, got {getattr(self, name)}")

    def __call__(self, model: nn.Module, x: Tensor, objective: Objective, passes: Until) -> tuple[Found, Found]:
        """What the last iterates alone find, as the dissertation counts, and what all iterates find."""
        check_images(x)
        x = x.detach()
        c, lower = x.new_zeros(len(x)), x.new_zeros(len(x))
        upper = torch.full_like(c, self.largest_c)
        by_last = by_any = _nothing(x)
        with eval_mode(model):
            for _ in range(self.num_descents):
                last, nearest = self._descend(model, x, objective, passes, c)
                by_last, by_any = by_last.nearer(last), by_any.nearer(nearest)
                lower = torch.where(last.success, c, lower)
                upper = torch.where(last.success, upper, c)
                c = (lower + upper) / 2
                if not bool((upper > 0).any()):  # not even without a penalty: the next descents would be the same
                    break
        return by_last, by_any

    def _descend(
        self, model: nn.Module, x: Tensor, objective: Objective, passes: Until, c: Tensor
    ) -> tuple[Found, Found]:
        point, nearest, space = x, _nothing(x), Unconstrained()
        first = second = torch.zeros_like(x)
        for step in range(self.num_steps + 1):
            with torch.enable_grad():
                leaf = point.detach().requires_grad_()
                outputs = forward(model, leaf)
                if step == 0:
                    check_logits(outputs)
                here = _of(outputs.detach(), point, x, passes)
                nearest = nearest.nearer(here)
                if step == self.num_steps:
                    return here, nearest
                values = one_value_a_sample(objective(outputs), len(x))
                (gradient,) = torch.autograd.grad(values.sum(), leaf)
            uphill = gradient - 2 * per_sample(c, x) * (point - x)
            direction = space.step(uphill, point)
            if self.adam:
                direction, first, second = adam_step(uphill, first, second, step + 1)
            point = space.project(point + self.step_size * direction, x)
            check_finite(point)
        raise AssertionError("the last step returns")


def growing_radii(
    model: nn.Module,
    x: Tensor,
    objective: Objective,
    passes: Until,
    *,
    radii: Sequence[float],
    num_steps: int = 50,
    num_halvings: int = 10,
) -> Found:
    """PGD within L2 balls of ``radii``, smallest first, until an image passes; then halfway back while it still does.

    A sample takes ``num_steps`` steps of 2.5 radius / num_steps in each ball, and costs nothing once it has passed.
    """
    found = found_at(model, x, x, passes)
    for radius in radii:
        if bool(found.success.all()):
            break
        attack = PGD(L2(radius), num_steps, 2.5 * radius / num_steps)
        x_adv = attack(model, x, objective, _or_done(passes, found.success))
        found = found.nearer(found_at(model, x_adv, x, passes))
    return halfway_back(model, x, found, passes, num_halvings)


def _or_done(passes: Until, done: Tensor) -> Until:
    def until(outputs: Tensor) -> Tensor:
        return passes(outputs) | done

    return until


def halfway_back(model: nn.Module, x: Tensor, found: Found, passes: Until, num_halvings: int = 10) -> Found:
    """The nearest that passes on the way from what was ``found`` back to the image, by bisection."""
    fails, succeeds = torch.zeros_like(found.distance), torch.ones_like(found.distance)
    nearest = found
    for _ in range(num_halvings):
        share = (fails + succeeds) / 2
        between = found_at(model, torch.lerp(x, found.x_adv, per_sample(share, x)), x, passes)
        nearest = nearest.nearer(between)
        succeeds, fails = torch.where(between.success, share, succeeds), torch.where(between.success, fails, share)
    return Found(nearest.x_adv, torch.where(found.success, nearest.distance, torch.inf))


Nearest = Callable[[nn.Module, Tensor, Tensor], Tensor]
"""``attack(model, x, y) -> x_adv``: the nearest misclassified image, ``x`` where there is none (``FAB``, ``CW``)."""


def nearest_passing(model: nn.Module, x: Tensor, passing: Passing, attack: Nearest) -> Found:
    """What an attack that looks for the nearest misclassified image finds, of ``TwoClasses``.

    One run for all images that may become the same classes.
    """
    x_adv = x.clone()
    for allowed in passing.allowed.unique(dim=0):
        rows = (passing.allowed == allowed).all(dim=1).nonzero().squeeze(1)
        one = Passing(allowed[None], passing.threshold, passing.integrated)
        stays = torch.zeros(len(rows), dtype=torch.int64, device=x.device)
        x_adv[rows] = attack(TwoClasses(model, one), x[rows], stays)
    return found_at(model, x_adv, x, passing.passes)


def fab(num_steps: int) -> Nearest:
    """FAB in L2 (Croce and Hein 2020): projections onto the linearised margin."""
    return FAB(2.0, num_steps)


def cw(num_steps: int) -> Nearest:
    """CW-L2 (Carlini and Wagner 2017): Adam on distance and margin, the weight searched from 1e-3 up."""
    return CW(num_steps)


def _nothing(x: Tensor) -> Found:
    return Found(x, x.new_full((len(x),), torch.inf))


def _of(outputs: Tensor, point: Tensor, x: Tensor, passes: Until) -> Found:
    """``point`` where it passes by its ``outputs``, nothing where it does not."""
    success = passes(outputs)
    if success.shape != (len(x),) or success.dtype != torch.bool:
        raise ValueError(f"passes gives one bool a sample, [{len(x)}], got {success.dtype} {list(success.shape)}")
    distance = torch.where(success, L2(0.0).distance(point, x), torch.inf)
    return Found(torch.where(per_sample(success, x), point, x), distance)
