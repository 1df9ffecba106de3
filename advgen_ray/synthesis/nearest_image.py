"""What a search of known images restores (S004 figure 2.14): the nearest one, or the patch of one, pasted in."""

import torch
from torch import Tensor

_CHUNK = 4096  # known images compared at a time


def nearest_image(x: Tensor, known: Tensor, mask: Tensor | None = None) -> Tensor:
    """For each of ``x [N, C, H, W]`` the index ``[N]`` of the nearest of ``known [M, C, H, W]`` in L2.

    With a ``mask``, bool ``[N, 1, H, W]``, distance is that of the pixels where it is true. Of equally near ones it is
    the earliest. Raises ValueError without known images, or for those of another shape.
    """
    if not len(known) or known.shape[1:] != x.shape[1:]:
        raise ValueError(f"expected known images like {list(x.shape[1:])}, got {list(known.shape)}")
    found = []
    for i in range(len(x)):
        weight = None if mask is None else mask[i]
        distances = [_squared_distance(x[i], chunk, weight) for chunk in known.split(_CHUNK)]
        found.append(torch.cat(distances).argmin())
    return torch.stack(found)


def paste(into: Tensor, source: Tensor, mask: Tensor) -> Tensor:
    """``into [N, C, H, W]`` with the pixels of ``source`` where ``mask`` is true."""
    return torch.where(mask, source, into)


def _squared_distance(x: Tensor, known: Tensor, mask: Tensor | None) -> Tensor:
    squares = (known - x).square()
    if mask is not None:
        squares = squares * mask
    return squares.flatten(1).sum(dim=1)
