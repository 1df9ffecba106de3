"""Seeds of targeted synthesis: images drawn from a normal distribution fitted to a class (Santurkar et al. 2019)."""

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from advgen_ray.energy.pca_start import PCAStart, fit_pca_start


@dataclass(frozen=True)
class ClassGaussian:
    """The multivariate normal of a class's images, by its principal components: of any rank."""

    components: PCAStart
    num_images: int

    def __call__(self, noise: Tensor) -> Tensor:
        """Images ``[N, C, H, W]`` in [0, 1], float32, for standard normal ``noise`` of that shape, keyed by item.

        ``mean + sum_k n_k s_k v_k / sqrt(n - 1)``: of the images' mean and covariance, until it is clipped.
        """
        only = torch.zeros(len(noise), dtype=torch.int64, device=noise.device)
        return self.components(only, noise.double(), 1 / math.sqrt(self.num_images - 1)).float()


def fit_class_gaussian(x: Tensor) -> ClassGaussian:
    """Fit to the images ``[n, C, H, W]`` of one class in float64; raises ValueError for fewer than two."""
    if len(x) < 2:
        raise ValueError(f"a covariance takes at least two images of a class, got {len(x)}")
    only = torch.zeros(len(x), dtype=torch.int64, device=x.device)
    return ClassGaussian(fit_pca_start(x.double(), only, 1, variance=1.0), len(x))
