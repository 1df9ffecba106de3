"""Second-order samplers of the reverse process, in half-log-SNR time: fewer evaluations for the same images.

They have the shape of ``samplers``. With ``lambda = log(alpha / sigma)`` and the denoised image
``D = (x_t + sigma_t^2 score) / alpha_t`` a step from s to t, ``h = lambda_t - lambda_s``, is linear in x, D and noise.
"""

from collections.abc import Callable

import torch
from torch import Tensor

from advgen_ray.diffusion import ScoreFn
from advgen_ray.diffusion.samplers import NoiseFn, check_times
from advgen_ray.diffusion.vp_sde import VPSDE


def dpm_solver_ode(score_fn: ScoreFn, x_T: Tensor, y: Tensor, times: Tensor, noise_fn: NoiseFn, sde: VPSDE) -> Tensor:
    """DPM-Solver++(2M) on the probability flow (Lu et al. 2022, algorithm 2): no noise but that of ``x_T``.

    The last step, to t = 0, only denoises, as in every sampler here. Arguments as in ``samplers.euler_maruyama``.
    """
    alpha, sigma, h = _grid(times, sde)
    keep = sigma[1:] / sigma[:-1]
    pull = alpha[1:] * -torch.expm1(-h)
    return _multistep(score_fn, x_T, y, times, noise_fn, sde, (keep, pull, torch.zeros_like(pull)))


def dpm_solver_sde(score_fn: ScoreFn, x_T: Tensor, y: Tensor, times: Tensor, noise_fn: NoiseFn, sde: VPSDE) -> Tensor:
    """SDE-DPM-Solver++(2M) on the reverse SDE (Lu et al. 2022, equation 19); of first order it is ``ancestral``."""
    alpha, sigma, h = _grid(times, sde)
    keep = sigma[1:] / sigma[:-1] * (-h).exp()
    pull = alpha[1:] * -torch.expm1(-2 * h)
    deviation = sigma[1:] * (-torch.expm1(-2 * h)).sqrt()
    return _multistep(score_fn, x_T, y, times, noise_fn, sde, (keep, pull, deviation))


def heun(score_fn: ScoreFn, x_T: Tensor, y: Tensor, times: Tensor, noise_fn: NoiseFn, sde: VPSDE) -> Tensor:
    """Heun's method on the probability flow (Karras et al. 2022, algorithm 1): two evaluations a step, the last one.

    It steps ``x / alpha`` along ``sigma / alpha``, in which the flow of a single point is a straight line.
    """
    check_times(times)
    alpha, level = sde.alpha(times), sde.sigma(times) / sde.alpha(times)
    denoised = _denoiser(score_fn, y, times, sde)
    x = x_T / float(alpha[0])
    last = len(times) - 2
    for step in range(last + 1):
        now, then = float(level[step]), float(level[step + 1])
        slope = (x - denoised(x * float(alpha[step]), step)) / now
        moved = x + (then - now) * slope
        if step < last:
            slope_then = (moved - denoised(moved * float(alpha[step + 1]), step + 1)) / then
            moved = x + (then - now) * (slope + slope_then) / 2
        x = moved
    return x * float(alpha[-1])


def _multistep(
    score_fn: ScoreFn,
    x_T: Tensor,
    y: Tensor,
    times: Tensor,
    noise_fn: NoiseFn,
    sde: VPSDE,
    coefficients: tuple[Tensor, Tensor, Tensor],
) -> Tensor:
    """``x <- keep x + pull D + deviation noise``, D extrapolated to the middle of the step from this and the last one.

    The first step has no other D, and the last one, infinite in lambda, takes none.
    """
    keep, pull, deviation = (values.tolist() for values in coefficients)
    h = _grid(times, sde)[2].tolist()
    denoised = _denoiser(score_fn, y, times, sde)
    x, before = x_T, None
    last = len(keep) - 1
    for step in range(last + 1):
        at = denoised(x, step)
        middle = at if before is None or step == last else torch.lerp(before, at, 1 + h[step] / (2 * h[step - 1]))
        x = keep[step] * x + pull[step] * middle
        if deviation[step] > 0 and step < last:
            x = x + deviation[step] * noise_fn(step)
        before = at
    return x


def _denoiser(score_fn: ScoreFn, y: Tensor, times: Tensor, sde: VPSDE) -> Callable[[Tensor, int], Tensor]:
    """``denoised(x_t, step)``: the mean of the image given ``x_t`` at the time of that step."""
    alpha, variance, at = sde.alpha(times).tolist(), (sde.sigma(times) ** 2).tolist(), times.tolist()

    def denoised(x_t: Tensor, step: int) -> Tensor:
        score = score_fn(x_t, x_t.new_full((len(x_t),), at[step]), y)
        return (x_t + variance[step] * score) / alpha[step]

    return denoised


def _grid(times: Tensor, sde: VPSDE) -> tuple[Tensor, Tensor, Tensor]:
    """alpha and sigma at the times, and the steps h between them; the one to t = 0 is infinite."""
    check_times(times)
    half_log_snr = sde.log_snr(times) / 2
    return sde.alpha(times), sde.sigma(times), half_log_snr[1:] - half_log_snr[:-1]
