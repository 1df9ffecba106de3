"""What is done to images that are to be restored (S004 section 2.5.3): noise, or a square cut out and filled."""

import math

import torch
from torch import Tensor


def with_noise(x: Tensor, noise: Tensor, std: float) -> Tensor:
    """``x + std noise``, clipped to [0, 1]: images and standard normal noise ``[N, C, H, W]``."""
    return (x + std * noise).clamp(0.0, 1.0)


def square_side(height: int, width: int, share: float) -> int:
    """Side in pixels of the square whose area is nearest to ``share`` of the image, at least 1 and within it.

    Raises ValueError for a share outside (0, 1).
    """
    if not 0 < share < 1:
        raise ValueError(f"share of the image must lie in (0, 1), got {share}")
    return max(1, min(height, width, round(math.sqrt(share * height * width))))


def square_masks(places: Tensor, height: int, width: int, share: float) -> Tensor:
    """Bool ``[N, 1, H, W]``, true in a square that covers about ``share`` of each image.

    ``places`` ``[N, 2]``, uniform in [0, 1), says where its corner lies of all rows and columns where it fits whole.
    """
    side = square_side(height, width, share)
    room = torch.tensor([height - side + 1, width - side + 1])
    top, left = (places.double() * room).long().clamp(max=room - 1).unbind(dim=1)
    rows, columns = torch.arange(height), torch.arange(width)
    in_rows = (rows >= top[:, None]) & (rows < top[:, None] + side)
    in_columns = (columns >= left[:, None]) & (columns < left[:, None] + side)
    return (in_rows[:, :, None] & in_columns[:, None, :])[:, None]


def occluded(x: Tensor, mask: Tensor, fill: float) -> Tensor:
    """``x [N, C, H, W]`` with ``fill`` where ``mask`` is true."""
    return torch.where(mask, fill, x)


def paste(into: Tensor, source: Tensor, mask: Tensor) -> Tensor:
    """``into [N, C, H, W]`` with the pixels of ``source`` where ``mask`` is true."""
    return torch.where(mask, source, into)
