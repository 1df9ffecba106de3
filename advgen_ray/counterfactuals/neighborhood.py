"""Diffused neighborhoods of a source: the score of "close to mu" at every time of the diffusion (S000, appendix 7).

Each constructor takes ``mu [N, C, H, W]`` (the source), ``sigma`` (the neighborhood's standard deviation) and the SDE.
Both are in the diffusion's space, where images are 2 * image - 1 and so sigma is twice that in pixel units. What it
returns maps ``x_t [N, C, H, W]`` and ``t [N]`` to ``grad log b_t(x_t)``, where b_t is the density of
``alpha_t z + sigma_t noise`` with z drawn from the neighborhood.
"""

import math
from collections.abc import Callable

import torch
from torch import Tensor

from advgen_ray.diffusion.vp_sde import VPSDE, per_image

NeighborhoodScore = Callable[[Tensor, Tensor], Tensor]
Neighborhood = Callable[[Tensor, float, VPSDE], NeighborhoodScore]

# Of erfcx in fp32: below -9.4 it overflows, and there the score is its limit to more than fp32 can hold.
_ERFCX_MIN = -9.0
# Where |v| < this * (1 + u), the difference of two erfcx in fp32 is rounding; the slope at 0 errs by 6e-6 or less.
_LINEAR_BELOW = 4e-3
# Where a box is narrower than this in units of the noise, its diffused density is Gaussian to 1e-6.
_NARROW = 0.05


def gaussian(mu: Tensor, sigma: float, sde: VPSDE) -> NeighborhoodScore:
    """``(alpha_t mu - x_t) / (alpha_t^2 sigma^2 + sigma_t^2)`` (the second term of S000 equation 4)."""
    _check_sigma(sigma)

    def neighborhood_score(x_t: Tensor, t: Tensor) -> Tensor:
        alpha, sigma_t = sde.alpha(t), sde.sigma(t)
        variance = (alpha * sigma) ** 2 + sigma_t**2
        return (per_image(alpha, x_t) * mu - x_t) / per_image(variance, x_t)

    return neighborhood_score


def boltzmann_hardtanh(mu: Tensor, sigma: float, sde: VPSDE) -> NeighborhoodScore:
    """``sqrt(2)/s hardtanh(gamma_t (x_t - alpha_t mu))``, ``s = alpha_t sigma``: the paper's (S000 equations 5 and 10).

    Its range is that of the exact score, its slope at the source too; between them it bends later than the exact one.
    """
    _check_sigma(sigma)

    def neighborhood_score(x_t: Tensor, t: Tensor) -> Tensor:
        alpha = sde.alpha(t)
        limit = per_image(math.sqrt(2) / (alpha * sigma), x_t)
        slope = per_image(gamma(t, sigma, sde), x_t)
        return limit * (slope * (x_t - per_image(alpha, x_t) * mu)).clamp(-1, 1)

    return neighborhood_score


def boltzmann_exact(mu: Tensor, sigma: float, sde: VPSDE) -> NeighborhoodScore:
    """The score of the Laplace density convolved with the Gaussian, without approximation (S000 equations 8 and 9).

    With ``u = sigma_t / s``, ``v = (x_t - alpha_t mu) / (sqrt(2) sigma_t)`` it is
    ``sqrt(2)/s (erfcx(u + v) - erfcx(u - v)) / (erfcx(u + v) + erfcx(u - v))``, stable where the printed form is not.
    Its relative error in fp32 stays below 1e-4 for every ``x_t`` and every t from 1e-5 to 1.
    """
    _check_sigma(sigma)

    def neighborhood_score(x_t: Tensor, t: Tensor) -> Tensor:
        alpha, sigma_t = sde.alpha(t), sde.sigma(t)
        u = per_image(sigma_t / (alpha * sigma), x_t)
        v = (x_t - per_image(alpha, x_t) * mu) / per_image(math.sqrt(2) * sigma_t, x_t)
        distance = v.abs()
        far, near = torch.special.erfcx(u + distance), torch.special.erfcx((u - distance).clamp(min=_ERFCX_MIN))
        pull = torch.copysign((near - far) / (near + far), -v)
        slope = per_image(gamma(t, sigma, sde) * math.sqrt(2) * sigma_t, x_t)
        pull = torch.where(distance < _LINEAR_BELOW * (1 + u), slope * v, pull)
        return per_image(math.sqrt(2) / (alpha * sigma), x_t) * pull

    return neighborhood_score


def bounded(mu: Tensor, sigma: float, sde: VPSDE) -> NeighborhoodScore:
    """The score of a uniform density convolved with the Gaussian: no element farther than ``sqrt(3) sigma`` from mu.

    The geometry of Linf, which S000 leaves open; ``sigma`` is the density's standard deviation, as everywhere here.
    With ``h = sqrt(3) alpha_t sigma`` and ``a, b = (d -+ h) / (sqrt(2) sigma_t)``, ``d = |x_t - alpha_t mu|``, it is
    ``sqrt(2/pi) / sigma_t (exp(-b^2) - exp(-a^2)) / (erf(b) - erf(a))``, pointing to mu: nothing well inside the
    box, ``(d - h) / sigma_t^2`` far outside. Beyond its wall numerator and denominator are divided by ``exp(-a^2)``;
    where h is small beside sigma_t the quotient is rounding and the density Gaussian. Its relative error in fp32 stays
    below 1e-4.
    """
    _check_sigma(sigma)

    def neighborhood_score(x_t: Tensor, t: Tensor) -> Tensor:
        alpha, sigma_t = sde.alpha(t), sde.sigma(t)
        offset = x_t - per_image(alpha, x_t) * mu
        distance, ratio = offset.abs(), math.sqrt(3) * alpha * sigma / sigma_t  # h / sigma_t
        far, half = distance / per_image(sigma_t, x_t), per_image(ratio, x_t)  # d and h in units of sigma_t
        a, b = (far - half) / math.sqrt(2), (far + half) / math.sqrt(2)
        gap = -2 * half * far  # a^2 - b^2
        outside = torch.special.erfcx(a.clamp(min=0)) - gap.exp() * torch.special.erfcx(b)
        inside = torch.erf(b) - torch.erf(a)
        denominator = torch.where(a > 0, outside, inside)
        numerator = gap.expm1() * torch.where(a > 0, 1.0, (-a.square()).exp())
        box = math.sqrt(2 / math.pi) * numerator / denominator
        normal = -far / per_image(1 + ratio.square() / 3, x_t)
        pull = torch.where(half < _NARROW, normal, box)
        return torch.copysign(pull, -offset) / per_image(sigma_t, x_t)

    return neighborhood_score


NEIGHBORHOODS = {
    "gaussian": gaussian,
    "boltzmann_exact": boltzmann_exact,
    "boltzmann_hardtanh": boltzmann_hardtanh,
    "bounded": bounded,
}


def gamma(t: Tensor, sigma: float, sde: VPSDE) -> Tensor:
    """Slope at 0 of the exact score in units of its limit sqrt(2)/s: S000 equation 6, in fp64, negative, ``[N]``.

    ``exp(-u^2) / erfc(u)`` is ``1 / erfcx(u)``, which needs no other branch at large u: the paper's line from u = 20
    is exactly 0 if drawn through the origin, and up to 38 times too steep if it is joined there.
    """
    sigma_t = sde.sigma(t)
    s = sde.alpha(t) * sigma
    return math.sqrt(2) / s - math.sqrt(2 / math.pi) / (sigma_t * torch.special.erfcx(sigma_t / s))


def _check_sigma(sigma: float) -> None:
    if not 0 < sigma < math.inf:
        raise ValueError(f"sigma must be positive, got {sigma}; Yeats et al. use sigma_ce = 0.2 in pixel units")
