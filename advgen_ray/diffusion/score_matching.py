"""Training a score model: denoising score matching, and the score that a trained noise prediction stands for."""

from collections.abc import Callable

import torch
from torch import Tensor

from advgen_ray.diffusion import ScoreFn
from advgen_ray.diffusion.vp_sde import VPSDE, per_image

NoisePrediction = Callable[[Tensor, Tensor, Tensor], Tensor]

MIN_TRAINING_TIME = 1e-5  # score_sde's eps: at t = 0 the target is undefined


def training_times(uniform: Tensor) -> Tensor:
    """Times uniform on [1e-5, 1] from uniform draws in [0, 1), ``[N] -> [N]``."""
    return MIN_TRAINING_TIME + (1 - MIN_TRAINING_TIME) * uniform


def drop_labels(y: Tensor, uniform: Tensor, rate: float, null_label: int) -> Tensor:
    """Labels ``[N]``, replaced by ``null_label`` where the draw in [0, 1) lies below ``rate`` (S000: 0.3)."""
    return torch.where(uniform < rate, null_label, y)


def denoising_loss(model: NoisePrediction, x0: Tensor, y: Tensor, t: Tensor, noise: Tensor, sde: VPSDE) -> Tensor:
    """Mean squared error of the noise prediction, one value an image ``[N]`` (Ho et al. 2020, L_simple).

    ``x0`` and ``noise`` are ``[N, C, H, W]``, ``x0`` in the diffusion's space (2 * image - 1); ``y`` and ``t`` are
    ``[N]``. All randomness comes in as tensors, so that the caller's keyed streams decide it.
    """
    x_t = per_image(sde.alpha(t), x0) * x0 + per_image(sde.sigma(t), x0) * noise
    return (model(x_t, t, y) - noise).square().flatten(1).mean(1)


def score_from_noise_prediction(model: NoisePrediction, sde: VPSDE) -> ScoreFn:
    """``score = -noise_prediction / sigma(t)`` (S000, above equation 3)."""

    def score_fn(x_t: Tensor, t: Tensor, y: Tensor) -> Tensor:
        return -model(x_t, t, y) / per_image(sde.sigma(t), x_t)

    return score_fn
