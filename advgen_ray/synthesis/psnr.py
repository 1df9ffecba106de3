"""Peak signal-to-noise ratio of images, whole or in part."""

import math

import torch
from torch import Tensor

# PSNR of an image rounded to 8 bits, whose error is uniform within half of 1/255: 58.9 dB. Nobody sees beyond it.
ROUNDED_TO_8_BITS = 10 * math.log10(12 * 255**2)


def psnr(x: Tensor, other: Tensor) -> Tensor:
    """``-10 log10 mean((x - other)^2)`` in dB, ``[N]``, of pairs ``[N, C, H, W]`` in [0, 1]; infinite where equal.

    Raises ValueError for shapes that differ.
    """
    if x.shape != other.shape or x.dim() != 4:
        raise ValueError(f"expected two batches of one shape [N, C, H, W], got {list(x.shape)} and {list(other.shape)}")
    return -10 * torch.log10((x - other).square().flatten(1).mean(dim=1))
