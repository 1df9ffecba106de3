"""Samplers of the reverse process: each is a function of a score, a start, labels, times and noise, and no more."""

from collections.abc import Callable

import torch
from torch import Tensor

from advgen_ray.diffusion import ScoreFn
from advgen_ray.diffusion.vp_sde import VPSDE

NoiseFn = Callable[[int], Tensor]
"""``step index -> [N, C, H, W]`` of standard normal noise; the last step asks for none."""

Sampler = Callable[[ScoreFn, Tensor, Tensor, Tensor, NoiseFn, VPSDE], Tensor]


def euler_maruyama(score_fn: ScoreFn, x_T: Tensor, y: Tensor, times: Tensor, noise_fn: NoiseFn, sde: VPSDE) -> Tensor:
    """Euler-Maruyama on the reverse SDE; with ``linear_times(1000)`` the predictor of score_sde, which S000 uses.

    ``x_T`` is ``[N, C, H, W]``, ``y`` is ``[N]``, ``times`` is ``[num_steps + 1]`` and falls from the time of ``x_T``.
    The last step returns its mean: the noise would stay in the picture.
    """
    steps = times[:-1] - times[1:]
    drift = sde.beta(times[:-1]) * steps  # beta(t) dt
    return _walk(score_fn, x_T, y, times, noise_fn, (1 + drift / 2, drift, drift.sqrt()))


def ancestral(score_fn: ScoreFn, x_T: Tensor, y: Tensor, times: Tensor, noise_fn: NoiseFn, sde: VPSDE) -> Tensor:
    """Draws from the exact posterior of the VP chain at the given times (Ho et al. 2020, equations 6 and 7).

    From t to s < t, with ``a = alpha_t / alpha_s`` and ``v = sigma_t^2 - a^2 sigma_s^2``, the variance added between
    them: mean ``(x_t + v score) / a``, standard deviation ``sqrt(v) sigma_s / sigma_t``. It errs only in holding the
    denoised image constant over a step, so few steps do. Arguments as in ``euler_maruyama``.
    """
    return _walk(score_fn, x_T, y, times, noise_fn, ancestral_steps(times, sde))


def ancestral_steps(times: Tensor, sde: VPSDE) -> tuple[Tensor, Tensor, Tensor]:
    """``keep``, ``pull`` and ``deviation`` of each ancestral step, ``[num_steps]``: mean ``keep x + pull score``."""
    log_ratio = sde.log_alpha(times[:-1]) - sde.log_alpha(times[1:])
    added = -torch.expm1(2 * log_ratio)  # 1 - a^2 = v, since alpha^2 + sigma^2 = 1 at both ends
    deviation = added.sqrt() * sde.sigma(times[1:]) / sde.sigma(times[:-1])
    return (-log_ratio).exp(), added * (-log_ratio).exp(), deviation


def _walk(
    score_fn: ScoreFn,
    x_T: Tensor,
    y: Tensor,
    times: Tensor,
    noise_fn: NoiseFn,
    coefficients: tuple[Tensor, Tensor, Tensor],
) -> Tensor:
    """``x <- keep x + pull score(x) + deviation noise`` over the steps; both samplers differ in these three only."""
    check_times(times)
    keep, pull, deviation = (values.tolist() for values in coefficients)
    x = x_T
    last = len(keep) - 1
    for step, t in enumerate(times[:-1].tolist()):
        score = score_fn(x, x.new_full((len(x),), t), y)
        x = keep[step] * x + pull[step] * score
        if step < last:
            x = x + deviation[step] * noise_fn(step)
    return x


def check_times(times: Tensor) -> None:
    """Raise ValueError unless ``times`` ``[num_steps + 1]`` fall strictly."""
    if times.dim() != 1 or len(times) < 2 or not bool((times[1:] < times[:-1]).all()):
        raise ValueError(f"times must fall strictly, with at least two of them, got {times.tolist()}")
