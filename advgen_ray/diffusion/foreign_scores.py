"""Scores of our SDE from networks trained under other schedules: each is asked at the noise that it knows.

Noise of one strength is one thing under every schedule: ``x_t`` of our SDE is, at equal signal-to-noise ratio, what a
discrete variance-preserving chain makes of an image, and divided by alpha what a variance-exploding one does. So a
network is evaluated where its own schedule has the ratio of our time, and what it says is read as the noise in ``x_t``.
Nothing here knows where a network comes from.
"""

import math
from collections.abc import Callable

import torch
from torch import Tensor

from advgen_ray.diffusion import ScoreFn
from advgen_ray.diffusion.score_matching import NoisePrediction
from advgen_ray.diffusion.vp_sde import VPSDE, per_image

Network = Callable[[Tensor, Tensor, Tensor], Tensor]
"""``(x_t [N, C, H, W], timestep [N], y [N]) -> [N, C, H, W]``; timesteps are whole numbers and what lies between."""
Denoiser = Callable[[Tensor, Tensor, Tensor | None], Tensor]
"""``(x [N, C, H, W], sigma [N], class_labels [N, K] or None) -> [N, C, H, W]``: the mean of the image given ``x``."""
NoiseReading = Callable[[Tensor, Tensor, Tensor, Tensor], Tensor]
"""``(output, x_t, alpha, sigma) -> noise in x_t``; the last two are ``[N, 1, 1, 1]``."""

MAX_LEAST_SIGNAL = 1 / 3  # alpha of a network's noisiest level: more, and it was never shown a start
MAX_LEAST_NOISE = 0.2  # sigma of its cleanest: more, and an end would be left in noise that can be seen


def noise_of_epsilon(output: Tensor, x_t: Tensor, alpha: Tensor, sigma: Tensor) -> Tensor:
    """The output is the noise (Ho et al. 2020)."""
    return output


def noise_of_velocity(output: Tensor, x_t: Tensor, alpha: Tensor, sigma: Tensor) -> Tensor:
    """The output is ``v = alpha noise - sigma x_0`` (Salimans and Ho 2022, appendix D)."""
    return alpha * output + sigma * x_t


def noise_of_image(output: Tensor, x_t: Tensor, alpha: Tensor, sigma: Tensor) -> Tensor:
    """The output is ``x_0``, the image without noise."""
    return (x_t - alpha * output) / sigma


def chain_score(network: Network, alphas_cumprod: Tensor, noise_of: NoiseReading, sde: VPSDE) -> ScoreFn:
    """The score from a network of a discrete variance-preserving chain, such as diffusers'.

    ``alphas_cumprod`` ``[T]`` are the chain's alpha^2 at its timesteps 0 to T - 1. Between them the timestep follows
    log-SNR linearly. Levels without any signal (zero terminal SNR) are left out: no time of ours has them. Beyond the
    chain's levels see ``held_score``. Raises ValueError for levels that do not fall, or do not cover a diffusion.
    """
    squares = alphas_cumprod.detach().double().cpu()
    levels = (squares.log() - torch.log1p(-squares))[squares > 0]
    if len(levels) < 2 or not bool((levels[1:] < levels[:-1]).all()) or not bool(levels.isfinite().all()):
        raise ValueError(f"alphas_cumprod must fall strictly between 1 and 0, got {alphas_cumprod.tolist()[:5]}, ...")

    def noise_at(x_t: Tensor, log_snr: Tensor, y: Tensor) -> Tensor:
        timestep = timesteps(log_snr, levels.to(log_snr.device)).to(x_t.dtype)
        return noise_of(_checked(network(x_t, timestep, y), x_t), x_t, *_scales(log_snr, x_t))

    return held_score(noise_at, float(levels[-1]), float(levels[0]), sde)


def denoiser_score(
    denoiser: Denoiser, sde: VPSDE, *, num_classes: int, sigma_min: float = 0.002, sigma_max: float = 80.0
) -> ScoreFn:
    """The score from a denoiser ``D(x; sigma)`` of ``x = image + sigma noise`` (Karras et al. 2022, table 1: EDM).

    With ``x = x_t / alpha_t`` and ``sigma = sigma_t / alpha_t`` it is ``(alpha_t D - x_t) / sigma_t^2``. Classes come
    as EDM has them: one-hot rows, zeros for the null label ``num_classes``; with ``num_classes`` 0 always as None.
    ``sigma_min`` and ``sigma_max`` bound the levels it was trained on; beyond them see ``held_score``. Raises
    ValueError where they do not cover a diffusion.
    """
    if not 0 < sigma_min < sigma_max:
        raise ValueError(f"0 < sigma_min < sigma_max expected, got {sigma_min} and {sigma_max}; EDM has 0.002 and 80")

    def noise_at(x_t: Tensor, log_snr: Tensor, y: Tensor) -> Tensor:
        alpha, sigma = _scales(log_snr, x_t)
        class_labels = (y[:, None] == torch.arange(num_classes, device=y.device)).to(x_t.dtype) if num_classes else None
        level = (-log_snr / 2).exp().to(x_t.dtype)
        return noise_of_image(_checked(denoiser(x_t / alpha, level, class_labels), x_t), x_t, alpha, sigma)

    return held_score(noise_at, -2 * math.log(sigma_max), -2 * math.log(sigma_min), sde)


def held_score(noise_at: NoisePrediction, lowest: float, highest: float, sde: VPSDE) -> ScoreFn:
    """``score = -noise / sigma(t)``, with ``noise_at(x_t, log_snr, y)`` asked between two log-SNRs only.

    Beyond them something is held. At times cleaner than ``highest`` the score: the density hardly changes any more. At
    times noisier than ``lowest`` the denoised image: ``x_t``, next to pure noise, says as little about it at the
    network's noisiest level, and the rest of the score is known. Raises ValueError for levels that leave out so much
    that neither is true.
    """
    least = torch.tensor([lowest, -highest], dtype=torch.float64).sigmoid().sqrt().tolist()
    if least[0] > MAX_LEAST_SIGNAL or least[1] > MAX_LEAST_NOISE:
        raise ValueError(
            f"the network knows images from sigma {least[1]:.3g} to alpha {least[0]:.3g}; generation begins where "
            f"alpha is {MAX_LEAST_SIGNAL:.3g} or less and ends where sigma is {MAX_LEAST_NOISE} or less"
        )
    noisy, clean = sde.time_of(torch.tensor([lowest, highest], dtype=torch.float64)).tolist()

    def score_fn(x_t: Tensor, t: Tensor, y: Tensor) -> Tensor:
        t = t.double().clamp(min=clean)
        known = t.clamp(max=noisy)
        noise = noise_at(x_t, sde.log_snr(known), y)
        kept = sde.alpha(t) / sde.alpha(known)  # 1 within the levels, where all that is left is noise / sigma
        noise, rest = per_image(kept * sde.sigma(known), x_t) * noise, per_image(1 - kept, x_t) * x_t
        return -(noise + rest) / per_image(sde.sigma(t) ** 2, x_t)

    return score_fn


def paired(conditional: ScoreFn, unconditional: ScoreFn, null_label: int) -> ScoreFn:
    """One score of two: ``unconditional`` for the rows whose label is the null label."""

    def score_fn(x_t: Tensor, t: Tensor, y: Tensor) -> Tensor:
        score = torch.empty_like(x_t)
        for half, rows in ((conditional, y != null_label), (unconditional, y == null_label)):
            if rows.any():
                score[rows] = half(x_t[rows], t[rows], y[rows])
        return score

    return score_fn


def timesteps(log_snr: Tensor, levels: Tensor) -> Tensor:
    """Where log-SNRs ``[N]`` lie among falling ``levels`` ``[T]``: 0 to T - 1, linear between; the ends beyond them."""
    after = torch.searchsorted(-levels, -log_snr).clamp(1, len(levels) - 1)
    above, below = levels[after - 1], levels[after]
    return after - 1 + ((above - log_snr) / (above - below)).clamp(0, 1)


def _scales(log_snr: Tensor, like: Tensor) -> tuple[Tensor, Tensor]:
    """alpha and sigma, shaped to multiply images."""
    return per_image(log_snr.sigmoid().sqrt(), like), per_image((-log_snr).sigmoid().sqrt(), like)


def _checked(output: Tensor, x_t: Tensor) -> Tensor:
    """The output in the type of ``x_t``; another shape might be broadcast without a word."""
    if output.shape != x_t.shape:
        raise ValueError(f"the network gives {list(output.shape)} for images {list(x_t.shape)}")
    return output.to(x_t.dtype)
