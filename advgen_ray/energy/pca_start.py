"""Where the generation of an image of a class starts: near the mean, spread along the class's own PCA (S001 A.7)."""

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class PCAStart:
    """The principal components of each class that together hold the wanted share of its variance.

    Attributes:
        means: ``[K, C, H, W]``, the mean image of each class.
        directions: for each class ``[num_components, C * H * W]``: singular value times unit component, largest first.
    """

    means: Tensor
    directions: tuple[Tensor, ...]

    def __call__(self, y: Tensor, noise: Tensor, sigma: float = 0.005) -> Tensor:
        """Starts ``[N, C, H, W]`` in [0, 1] for labels ``y [N]``: ``mean + sum_k sigma n_k s_k component_k``, clipped.

        ``noise`` is standard normal ``[N, C, H, W]``, keyed by item; the first ``num_components`` elements of each
        row are used. ``sigma`` .005 is the standard deviation of S001's code. A singular value is ``sqrt(n - 1)``
        standard deviations of the class's n images, so that .005 means a third of the data's own spread at CIFAR-10's
        n = 5000 and a seventeenth at n = 140; for the same third take ``.005 sqrt(5000 / n)``.
        """
        flat = noise.flatten(1)
        offsets = torch.zeros_like(flat)
        for label in y.unique().tolist():
            directions, rows = self.directions[label], y == label
            offsets[rows] = flat[rows, : len(directions)] @ directions
        return (self.means[y] + sigma * offsets.view_as(noise)).clamp(0, 1)


def fit_pca_start(x: Tensor, y: Tensor, num_classes: int, variance: float = 0.99) -> PCAStart:
    """PCA of the images ``x [n, C, H, W]`` of every class in ``y [n]``, cut where it holds ``variance`` of the total.

    The fewest components that reach the share are kept (S001's code stops one before). Their signs are fixed, so that
    the same images give the same starts on every machine. Raises ValueError for a class without images.
    """
    if not 0 < variance <= 1:
        raise ValueError(f"variance is a share in (0, 1], got {variance}")
    means, directions = [], []
    for label in range(num_classes):
        images = x[y == label]
        if not len(images):
            raise ValueError(f"class {label} has no images to start from")
        mean = images.mean(dim=0)
        means.append(mean)
        directions.append(_directions((images - mean).flatten(1), variance))
    return PCAStart(torch.stack(means), tuple(directions))


def _directions(centered: Tensor, variance: float) -> Tensor:
    _, singular, components = torch.linalg.svd(centered, full_matrices=False)
    held = singular.double().square().cumsum(dim=0)
    rounding = 1e-12 * held[-1]  # at variance 1, the sum of all but nothing of the rest counts as all
    num_kept = min(len(singular), int((held < variance * held[-1] - rounding).sum()) + 1)
    kept = components[:num_kept]
    largest = kept.gather(1, kept.abs().argmax(dim=1, keepdim=True))
    return singular[:num_kept, None] * kept * torch.where(largest < 0, -1.0, 1.0)
