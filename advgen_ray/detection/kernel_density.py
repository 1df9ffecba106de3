"""Detecting attacks by how few training images lie near in the last hidden layer (Feinman et al. 2017, KD + BU).

An attacked image is far from the training images of the class that it is predicted to be. With the spread of the
predictions under dropout (``mc_dropout``) it goes into a logistic regression (``logistic``).
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from advgen_ray.detection.features import last_hidden
from advgen_ray.detection.mc_dropout import bayesian_uncertainty
from advgen_ray.rng import Item, Stream


@dataclass(frozen=True)
class KernelDensity:
    """One Gaussian kernel density a class; ``by_class[k]`` are the features ``[n_k, D]`` of its training images."""

    by_class: tuple[Tensor, ...]
    bandwidth: float  # standard deviation of the kernel, in units of the features

    def log_density(self, features: Tensor, predicted: Tensor) -> Tensor:
        """Log density ``[N]`` of ``features [N, D]`` among the training images of the class ``predicted [N]``.

        Feinman et al. 2017 equation 3, with the kernel normalized and its exponent ``-d^2 / (2 bandwidth^2)``, as in
        their code. In logarithms, so that it stays finite however far an image lies.
        """
        values = features.new_empty(len(features), dtype=torch.float64)
        for label in predicted.unique().tolist():
            rows = predicted == label
            distances = pairwise_distances(features[rows], self.by_class[label]).double()
            values[rows] = (-(distances / self.bandwidth).square() / 2).logsumexp(dim=1) - math.log(distances.shape[1])
        return values - features.shape[1] * math.log(self.bandwidth * math.sqrt(2 * math.pi))

    def log_densities(self, features: Tensor) -> Tensor:
        """Log density of ``features [N, D]`` among the training images of every class, ``[N, K]``."""
        everywhere = torch.ones(len(features), dtype=torch.int64, device=features.device)
        return torch.stack([self.log_density(features, k * everywhere) for k in range(len(self.by_class))], dim=1)


def fit_kernel_density(features: Tensor, y: Tensor, num_classes: int, bandwidth: float) -> KernelDensity:
    """Keep the features ``[n, D]`` of the training images of each label in ``y [n]``; ValueError for an empty class."""
    if not 0 < bandwidth < math.inf:
        raise ValueError(f"bandwidth must be positive and finite, got {bandwidth}")
    by_class = tuple(features[y == label] for label in range(num_classes))
    if empty := [label for label, rows in enumerate(by_class) if not len(rows)]:
        raise ValueError(f"no training features of the classes {empty}")
    return KernelDensity(by_class, bandwidth)


def choose_bandwidth(
    features: Tensor, y: Tensor, validation_features: Tensor, validation_y: Tensor, candidates: Sequence[float]
) -> float:
    """The candidate under which validation images have the largest mean log density in their own class.

    Feinman et al. chose 1.2 for MNIST, .26 for CIFAR-10 and 1 for SVHN by cross-validation. Of equal ones the first.
    """
    num_classes = int(max(y.max(), validation_y.max())) + 1

    def likelihood(bandwidth: float) -> float:
        density = fit_kernel_density(features, y, num_classes, bandwidth)
        return float(density.log_density(validation_features, validation_y).mean())

    return max(candidates, key=likelihood)


@torch.no_grad()
def kd_bu(
    model: nn.Module,
    density: KernelDensity,
    x: Tensor,
    item_ids: Sequence[Item],
    stream: Stream,
    num_passes: int = 50,
) -> Tensor:
    """Log density and Bayesian uncertainty of images ``[N, C, H, W]``, as columns ``[N, 2]`` for ``fit_logistic``."""
    logits, hidden = last_hidden(model, x)
    uncertainty = bayesian_uncertainty(model, x, item_ids, stream, num_passes)
    return torch.stack([density.log_density(hidden, logits.argmax(dim=1)), uncertainty], dim=1)


def pairwise_distances(features: Tensor, others: Tensor) -> Tensor:
    """Euclidean distances ``[N, M]``, each from its own differences: near ones exact, and the same in every batch."""
    return torch.cdist(features, others, compute_mode="donot_use_mm_for_euclid_dist")
