"""The score where every value of an image is of one normal distribution: known at every time."""

from torch import Tensor

from advgen_ray.diffusion import ScoreFn
from advgen_ray.diffusion.vp_sde import VPSDE, per_image

SDE = VPSDE()


def gaussian_score(mean: float, deviation: float) -> ScoreFn:
    def score_fn(x_t: Tensor, t: Tensor, y: Tensor) -> Tensor:
        alpha, sigma = per_image(SDE.alpha(t), x_t), per_image(SDE.sigma(t), x_t)
        return -(x_t - alpha * mean) / ((alpha * deviation) ** 2 + sigma**2)

    return score_fn
