"""Where a perturbed image may lie and which way is steepest there: L1, L2, Linf balls in the box, or the box alone.

A threat model is a small value object; all methods work on batches, each sample by itself: ``project`` returns to
the ball and the box, ``random_start`` maps noise to a point in them and ``surface_start`` (of a ball) to one as far
from the image as it may be, ``step`` is the steepest direction of length one in the norm (zero where the gradient
is zero), ``distance`` the norm ``[N]``.
"""

import math
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from advgen_ray.attacks.l1_ball import project_l1, sparse_step
from advgen_ray.attacks.live_rows import per_sample


class ThreatModel(Protocol):
    """What a perturbation may be; ``x`` and ``x_adv`` are images ``[N, C, H, W]``, ``x`` within [0, 1]."""

    def project(self, x_adv: Tensor, x: Tensor) -> Tensor:
        """Bring ``x_adv`` into the ball around ``x`` and into [0, 1]."""

    def random_start(self, x: Tensor, noise: Tensor) -> Tensor:
        """A start near ``x``, from standard normal noise of its shape."""

    def step(self, gradient: Tensor, x_adv: Tensor) -> Tensor:
        """The direction of length one that ascends fastest at ``x_adv``; zero for a sample whose gradient is zero."""

    def distance(self, x_adv: Tensor, x: Tensor) -> Tensor:
        """Norm of the perturbation, ``[N]``."""


@dataclass(frozen=True)
class L1:
    """Sum of absolute changes at most ``eps >= 0``, in [0, 1] pixel units.

    ``step_share`` is the share of an image's elements that ``step`` moves, at least one of them: SLIDE's ``1 - q``
    (Tramer and Boneh 2019). Moving the single steepest one alone would take as many steps as pixels are to change.
    """

    eps: float
    step_share: float = 0.01

    def __post_init__(self) -> None:
        _check_eps(self.eps)
        if not 0 < self.step_share <= 1:
            raise ValueError(f"step_share must lie in (0, 1], got {self.step_share}")

    def project(self, x_adv: Tensor, x: Tensor) -> Tensor:
        """The nearest point that lies in both the ball and the box (Croce and Hein 2021).

        Shortening first and clipping then, as in L2, would lose much of an L1 ball whose mass sits on few pixels.
        """
        return project_l1(x_adv, x, self.eps)

    def random_start(self, x: Tensor, noise: Tensor, num_free: Tensor | None = None) -> Tensor:
        """Uniform in the ball, then clipped to [0, 1]; ``x`` itself where the noise is zero.

        ``num_free`` ``[N]``: of how many elements D the noise is where the others are zero (``Inside``), else of all.
        ``e = -log(2 Phi(-|noise|))`` is exponential and independent of the sign of the noise, so that with their sum
        ``s`` the direction ``sign(noise) e / s`` is uniform on the surface and ``u = P(Gamma_D <= s)`` uniform on
        [0, 1] and independent of it: ``eps u^(1/D) sign(noise) e / s`` is uniform in the D-dimensional ball.
        """
        exponential = -(torch.special.log_ndtr(-noise.double().abs()) + math.log(2))
        total = per_sample(exponential.flatten(1).sum(dim=1), noise)
        dimension = _dimension(noise, num_free)
        u = torch.special.gammainc(dimension, total)
        scale = self.eps * u.pow(1 / dimension) / torch.where(total == 0, 1.0, total)
        delta = noise.sign() * (exponential * scale).to(noise.dtype)
        return self.project(x + delta, x)

    def surface_start(self, x: Tensor, noise: Tensor) -> Tensor:
        """The projection of ``x + noise``: the noise is far outside, and its largest elements remain."""
        return self.project(x + noise, x)

    def step(self, gradient: Tensor, x_adv: Tensor, num_free: Tensor | None = None) -> Tensor:
        """``sign(gradient)`` on the largest elements, divided by their number; elements that the box stops rest.

        ``num_free`` ``[N]``: of how many elements ``step_share`` is a share (``Inside``), else of all.
        """
        num_moved = (self.step_share * _dimension(gradient, num_free)).flatten().long().clamp_(min=1)
        return sparse_step(gradient, x_adv, num_moved)

    def distance(self, x_adv: Tensor, x: Tensor) -> Tensor:
        """``|x_adv - x|_1``."""
        return (x_adv - x).flatten(1).abs().sum(dim=1)


@dataclass(frozen=True)
class L2:
    """Euclidean ball of radius ``eps >= 0``, in [0, 1] pixel units summed over all elements of an image."""

    eps: float

    def __post_init__(self) -> None:
        _check_eps(self.eps)

    def project(self, x_adv: Tensor, x: Tensor) -> Tensor:
        """Shorten the perturbation to ``eps`` where it is longer, then clip the image to [0, 1].

        Since ``x`` lies in the box, clipping only shortens a perturbation, so the result lies in both. Adding a
        perturbation to an image rounds it; what is shortened is shortened by that much more. The norm of the
        float32 result, taken in float64, is therefore at most ``eps (1 + 1e-6)`` for any eps, and projecting
        again changes no bit.
        """
        delta = x_adv - x
        norm = _l2_norm(delta)
        shortened = torch.addcmul(x, delta, radius_within_rounding(self.eps, x) / norm)
        return torch.where(norm > self.eps, shortened, x_adv).clamp_(0.0, 1.0)

    def random_start(self, x: Tensor, noise: Tensor, num_free: Tensor | None = None) -> Tensor:
        """Uniform in the ball, then clipped to [0, 1]; ``x`` itself where the noise is zero.

        ``num_free`` ``[N]``: of how many elements D the noise is where the others are zero (``Inside``), else of all.
        ``noise / |noise|`` is uniform on the sphere, and ``u = P(chi2_D <= |noise|^2)`` is uniform on [0, 1]
        and independent of it, so that ``eps u^(1/D) noise / |noise|`` is uniform in the D-dimensional ball.
        """
        dimension, norm = _dimension(noise, num_free), _l2_norm(noise.double())
        u = torch.special.gammainc(dimension / 2, norm.square() / 2)
        delta = noise * (self.eps * u.pow(1 / dimension) / torch.where(norm == 0, 1.0, norm)).to(noise.dtype)
        return self.project(x + delta, x)

    def surface_start(self, x: Tensor, noise: Tensor) -> Tensor:
        """A uniform direction of length ``eps``, then clipped to [0, 1]."""
        return self.project(x + self.eps * _l2_direction(noise), x)

    def step(self, gradient: Tensor, x_adv: Tensor) -> Tensor:
        """``gradient / |gradient|_2``."""
        return _l2_direction(gradient)

    def distance(self, x_adv: Tensor, x: Tensor) -> Tensor:
        """``|x_adv - x|_2``."""
        return _l2_norm(x_adv - x).flatten()


@dataclass(frozen=True)
class Linf:
    """Largest change of any element at most ``eps``, in [0, 1] pixel units: 8/255, not 8."""

    eps: float

    def __post_init__(self) -> None:
        _check_eps(self.eps)
        if self.eps > 1:
            raise ValueError(f"eps is in [0, 1] pixel units, got {self.eps}; divide values in 0..255 by 255")

    def project(self, x_adv: Tensor, x: Tensor) -> Tensor:
        """Clip each element to within ``eps`` of ``x`` (to one rounding of float32, 6e-8) and to [0, 1]."""
        return x_adv.clamp(x - self.eps, x + self.eps).clamp_(0.0, 1.0)

    def random_start(self, x: Tensor, noise: Tensor) -> Tensor:
        """Uniform in the cube of half side ``eps``, then clipped to [0, 1].

        ``erf(noise / sqrt 2)`` is the normal distribution function stretched to [-1, 1]: uniform there.
        """
        return self.project(x + self.eps * torch.erf(noise / math.sqrt(2)), x)

    def surface_start(self, x: Tensor, noise: Tensor) -> Tensor:
        """A uniform point of the cube, moved out to its surface along the line from ``x``, then clipped to [0, 1]."""
        uniform = torch.erf(noise / math.sqrt(2))
        largest = torch.linalg.vector_norm(uniform, math.inf, dim=tuple(range(1, noise.dim())), keepdim=True)
        return self.project(x + self.eps * uniform / torch.where(largest == 0, 1.0, largest), x)

    def step(self, gradient: Tensor, x_adv: Tensor) -> Tensor:
        """``sign(gradient)``."""
        return gradient.sign()

    def distance(self, x_adv: Tensor, x: Tensor) -> Tensor:
        """``max |x_adv - x|``."""
        return (x_adv - x).flatten(1).abs().amax(dim=1)


Ball = L1 | L2 | Linf
"""A threat model with a radius ``eps`` and a ``surface_start``."""


@dataclass(frozen=True)
class Unconstrained:
    """No ball: any image in [0, 1], reached by L2-normalized steps (S004 algorithm 1; targeted synthesis)."""

    def project(self, x_adv: Tensor, x: Tensor) -> Tensor:
        """Clip to [0, 1]."""
        return x_adv.clamp(0.0, 1.0)

    def random_start(self, x: Tensor, noise: Tensor) -> Tensor:
        """Raise ValueError: there is no ball to draw from."""
        raise ValueError("Unconstrained has no ball to draw a random start from; build the attack without start_noise")

    def step(self, gradient: Tensor, x_adv: Tensor) -> Tensor:
        """``gradient / |gradient|_2``."""
        return _l2_direction(gradient)

    def distance(self, x_adv: Tensor, x: Tensor) -> Tensor:
        """``|x_adv - x|_2``."""
        return _l2_norm(x_adv - x).flatten()


def _check_eps(eps: float) -> None:
    if not 0 <= eps < math.inf:  # NaN fails both comparisons
        raise ValueError(f"eps must be zero or positive and finite, got {eps}")


def _dimension(x: Tensor, num_free: Tensor | None) -> Tensor:
    """Of the space that each sample may move in, float64 ``[N, 1, 1, 1]``, at least 1: all elements for None."""
    shape = (len(x), *(1,) * (x.dim() - 1))
    if num_free is None:
        return torch.full(shape, x[0].numel(), dtype=torch.float64, device=x.device)
    return num_free.double().clamp(min=1.0).view(shape)


def _l2_norm(x: Tensor) -> Tensor:
    """Norm of each sample, ``[N, 1, 1, 1]`` so that it broadcasts."""
    return torch.linalg.vector_norm(x, dim=tuple(range(1, x.dim())), keepdim=True)


def _l2_direction(gradient: Tensor) -> Tensor:
    # Divided by the largest element first: a gradient below 1e-23 (saturated softmax) has squares that are zero
    # in float32, and would stop the attack as if the gradient itself were zero.
    dims = tuple(range(1, gradient.dim()))
    largest = torch.linalg.vector_norm(gradient, math.inf, dim=dims, keepdim=True)
    scaled = gradient / torch.where(largest == 0, 1.0, largest)
    norm = _l2_norm(scaled)
    return scaled.div_(torch.where(norm == 0, 1.0, norm))


def radius_within_rounding(eps: float, x: Tensor) -> float:
    """The radius to shorten to, such that ``x + delta``, rounded element by element, is no farther than ``eps``."""
    resolution = torch.finfo(x.dtype).eps
    rounding = resolution / 4 * math.sqrt(x[0].numel())  # half a spacing of [1/2, 1] in every element
    return max(0.0, eps * (1 - 4 * resolution) - rounding)
