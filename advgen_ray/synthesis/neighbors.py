"""Nearest training images of samples, in pixels or in features: does a model repeat them (S004 2.5.4)?"""

import torch
from torch import Tensor

_CHUNK = 1024  # candidates compared at a time


def nearest_l2(x: Tensor, candidates: Tensor, num_neighbors: int) -> tuple[Tensor, Tensor]:
    """For each of ``x [N, ...]`` the candidates ``[M, ...]`` of smallest L2 distance: indices and distances.

    Both are ``[N, num_neighbors]``, nearest first, of equally near ones the earlier first. Distances are of the
    differences themselves, in float64: those of float32 products are noise between images that are nearly equal.
    Raises ValueError for another shape or fewer candidates.
    """
    if x.shape[1:] != candidates.shape[1:] or not 0 < num_neighbors <= len(candidates):
        raise ValueError(
            f"expected candidates like {list(x.shape[1:])}, at least {num_neighbors} of them, "
            f"got {list(candidates.shape)}"
        )
    flat = x.flatten(1).double()
    parts = [
        torch.cdist(flat, chunk.flatten(1).double(), compute_mode="donot_use_mm_for_euclid_dist")
        for chunk in candidates.split(_CHUNK)
    ]
    values, indices = torch.cat(parts, dim=1).sort(dim=1, stable=True)
    return indices[:, :num_neighbors], values[:, :num_neighbors]
