"""Structural similarity of images (Wang et al. 2004), and the neighbors it finds (S001 figure J, catalogue B10)."""

import torch
from torch import Tensor
from torch.nn import functional

WINDOW_SIZE, SIGMA = 11, 1.5  # pixels
C1, C2 = 0.01**2, 0.03**2  # (K1 L)^2, (K2 L)^2 for pixels in [0, 1]
_CHUNK = 1024  # candidates compared at a time


def ssim(x: Tensor, other: Tensor) -> Tensor:
    """Mean structural similarity ``[N]`` of image pairs, both ``[N, C, H, W]`` in [0, 1]; 1 where they are equal.

    Means, variances and covariance are taken in an 11 x 11 Gaussian window of sigma 1.5 at every place where it fits,
    K1 = .01, K2 = .03, and averaged over places and channels. Images with a side below 11 pixels get the largest odd
    window that fits, of the same sigma: 7 x 7 for digits of 8 x 8. Raises ValueError for shapes that differ.
    """
    if x.shape != other.shape or x.dim() != 4:
        raise ValueError(f"expected two batches of one shape [N, C, H, W], got {list(x.shape)} and {list(other.shape)}")
    return _similarity(x, _moments(x), other, _moments(other))


def nearest(x: Tensor, candidates: Tensor, num_neighbors: int) -> tuple[Tensor, Tensor]:
    """For each image of ``x [N, C, H, W]`` the candidates ``[M, C, H, W]`` of largest SSIM: indices and values.

    Both results are ``[N, num_neighbors]``, nearest first, of equally near ones the earlier first.
    """
    if x.shape[1:] != candidates.shape[1:] or not 0 < num_neighbors <= len(candidates):
        raise ValueError(
            f"expected candidates like {list(x.shape[1:])}, at least {num_neighbors} of them, "
            f"got {list(candidates.shape)}"
        )
    of_x = _moments(x)
    columns = []
    for chunk in candidates.split(_CHUNK):
        of_chunk = _moments(chunk)
        pairs = (_similarity(x[i : i + 1], tuple(m[i : i + 1] for m in of_x), chunk, of_chunk) for i in range(len(x)))
        columns.append(torch.stack(list(pairs)))
    values, indices = torch.cat(columns, dim=1).sort(dim=1, descending=True, stable=True)
    return indices[:, :num_neighbors], values[:, :num_neighbors]


def _similarity(x: Tensor, of_x: tuple[Tensor, ...], other: Tensor, of_other: tuple[Tensor, ...]) -> Tensor:
    (mean_x, variance_x), (mean_other, variance_other) = of_x, of_other
    product = mean_x * mean_other
    covariance = _blur(x * other) - product
    luminance = (2 * product + C1) / (mean_x.square() + mean_other.square() + C1)
    structure = (2 * covariance + C2) / (variance_x + variance_other + C2)
    return (luminance * structure).mean(dim=(1, 2, 3))


def _moments(x: Tensor) -> tuple[Tensor, ...]:
    mean = _blur(x)
    return mean, _blur(x.square()) - mean.square()


def _blur(x: Tensor) -> Tensor:
    """Weighted mean in the window at every place where it fits, each channel by itself."""
    num_images, num_channels, height, width = x.shape
    size = min(WINDOW_SIZE, height - 1 + height % 2, width - 1 + width % 2)
    offsets = torch.arange(size, dtype=x.dtype, device=x.device) - size // 2
    window = torch.exp(-offsets.square() / (2 * SIGMA**2))
    window = window / window.sum()
    flat = x.reshape(num_images * num_channels, 1, height, width)
    blurred = functional.conv2d(functional.conv2d(flat, window.view(1, 1, -1, 1)), window.view(1, 1, 1, -1))
    return blurred.view(num_images, num_channels, *blurred.shape[2:])
