"""Nearest known images, in pixels or in features: does a model repeat them (S004 2.5.4), what does a search find?"""

import torch
from torch import Tensor

_CHUNK = 1024  # candidates compared at a time
_FEW = 64  # images whose distances to all candidates are held at a time


def nearest_l2(x: Tensor, candidates: Tensor, num_neighbors: int, mask: Tensor | None = None) -> tuple[Tensor, Tensor]:
    """For each of ``x [N, ...]`` the candidates ``[M, ...]`` of smallest L2 distance: indices and distances.

    Both are ``[N, num_neighbors]``, nearest first, of equally near ones the earlier first. With a ``mask``, bool and
    ``[N, 1, H, W]`` for images, distances are those of the pixels where it is true. They are of the differences
    themselves, in float64: those of float32 products are noise between images that are nearly equal. Raises ValueError
    for another shape or fewer candidates.
    """
    if x.shape[1:] != candidates.shape[1:] or not 0 < num_neighbors <= len(candidates):
        raise ValueError(
            f"expected candidates like {list(x.shape[1:])}, at least {num_neighbors} of them, "
            f"got {list(candidates.shape)}"
        )
    flat, known = x.flatten(1), candidates.flatten(1)
    if mask is None:
        distances = _distances(flat, known)
    else:
        of_each = zip(flat.split(1), mask.expand_as(x).flatten(1), strict=True)
        distances = torch.cat([_distances(one[:, pixels], known, pixels) for one, pixels in of_each])
    values, indices = distances.sort(dim=1, stable=True)
    return indices[:, :num_neighbors], values[:, :num_neighbors]


def least_l2(x: Tensor, candidates: Tensor) -> Tensor:
    """The L2 distance of each of ``x [N, ...]`` to the nearest of ``candidates [M, ...]``: ``[N]``, float64.

    A few of ``x`` are compared at a time, so that memory does not grow with their number.
    """
    return torch.cat([nearest_l2(part, candidates, 1)[1][:, 0] for part in x.split(_FEW)])


def _distances(flat: Tensor, known: Tensor, pixels: Tensor | slice = slice(None)) -> Tensor:
    """``[N, M]``, from ``flat [N, D]`` to those pixels of ``known [M, ...]`` that are its."""
    parts = [
        torch.cdist(flat.double(), chunk[:, pixels].double(), compute_mode="donot_use_mm_for_euclid_dist")
        for chunk in known.split(_CHUNK)
    ]
    return torch.cat(parts, dim=1)
