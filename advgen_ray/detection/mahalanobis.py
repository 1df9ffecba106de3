"""Class-conditional Gaussians on the last hidden layer, taken for a classifier (Lee et al. 2018), differentiable."""

from collections.abc import Iterable

import torch
from torch import Tensor, nn

from advgen_ray.detection.features import last_hidden


class GaussianClassifier(nn.Module):
    """``-(h - mu_k)^T P (h - mu_k) / 2``, ``[N, C, H, W] -> [N, K]``, of the last hidden layer ``h`` of a model.

    The log densities of the Gaussians but for a constant that they share, so that attacks and scores take it like any
    logits. ``means`` is ``[K, D]``; ``whitening`` ``[D, R]`` with ``P = whitening whitening^T``.
    """

    means: Tensor
    whitening: Tensor

    def __init__(self, model: nn.Module, means: Tensor, whitening: Tensor) -> None:
        super().__init__()
        self.model = model
        self.register_buffer("means", means)
        self.register_buffer("whitening", whitening)

    def forward(self, x: Tensor) -> Tensor:
        """Half the squared distance to each class, negative."""
        hidden = last_hidden(self.model, x)[1]
        white = (hidden[:, None, :] - self.means) @ self.whitening
        return -white.square().sum(dim=2) / 2


def fit_gaussians(features: Tensor, y: Tensor, num_classes: int) -> tuple[Tensor, Tensor]:
    """Means ``[K, D]`` and whitening ``[D, R]`` of features ``[n, D]`` with labels ``[n]``; in double precision.

    The covariance is that of all features about the mean of their class, tied. Its pseudo-inverse, as in Lee et al.'s
    code (scikit-learn's EmpiricalCovariance): along directions in which no training image differs from its class, no
    distance is taken. Raises ValueError for a class without features.
    """
    features = features.double()
    counts = torch.bincount(y, minlength=num_classes)
    if not counts.all():
        raise ValueError(f"no training features of the classes {(counts == 0).nonzero()[:, 0].tolist()}")
    means = torch.stack([features[y == k].mean(dim=0) for k in range(num_classes)])
    centred = features - means[y]
    values, vectors = torch.linalg.eigh(centred.T @ centred / len(features))
    kept = values > values.max() * len(values) * torch.finfo(torch.float32).eps  # the features are of that precision
    return means, vectors[:, kept] / values[kept].sqrt()


@torch.no_grad()
def gaussian_classifier(
    model: nn.Module, batches: Iterable[tuple[Tensor, Tensor]], num_classes: int
) -> GaussianClassifier:
    """The Gaussians of a model's features of training images and labels, in evaluation mode."""
    features, labels = zip(*((last_hidden(model, x)[1].cpu(), y.cpu()) for x, y in batches), strict=True)
    means, whitening = fit_gaussians(torch.cat(features), torch.cat(labels), num_classes)
    device = next(model.parameters()).device
    return GaussianClassifier(model, means.float().to(device), whitening.float().to(device)).eval()
