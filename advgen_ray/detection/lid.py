"""Detecting attacks by local intrinsic dimension: attacked images lie where features spread in more directions.

Ma et al. 2018. The LID of each chosen layer is one column of a logistic regression (``logistic``).
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from advgen_ray.detection.features import features
from advgen_ray.detection.kernel_density import pairwise_distances
from advgen_ray.rng import Item, Stream

MAX_DIMENSION = 1e6  # given where all neighbors are equally far, and the estimate would be infinite


def lid_of_distances(distances: Tensor) -> Tensor:
    """Maximum likelihood LID ``[N]`` from distances ``[N, k]`` to the k nearest neighbors (Ma et al. equation 4).

    ``-(1/k sum_i log(r_i / r_k))^-1`` with ``r_k`` the largest; 0 where all neighbors coincide with the image.
    """
    distances = distances.double()
    farthest = distances.amax(dim=1, keepdim=True)
    ratio = distances / torch.where(farthest > 0, farthest, 1.0)
    mean_log = ratio.clamp_min(torch.finfo(torch.float32).tiny).log().mean(dim=1)
    return torch.where(farthest[:, 0] > 0, -1 / mean_log.clamp_max(-1 / MAX_DIMENSION), 0.0)


def lid(
    queries: Tensor,
    reference: Tensor,
    item_ids: Sequence[Item],
    stream: Stream,
    *,
    num_neighbors: int = 20,
    batch_size: int = 100,
) -> Tensor:
    """LID ``[N]`` of features ``queries [N, D]`` within minibatches of natural features ``reference [M, D]``.

    Each query gets its own minibatch of ``batch_size`` references, drawn by its id, so that its value does not depend
    on which others are asked about. Ma et al. take 100 images and 20 neighbors; the more images, the more local the
    estimate (on 8x8 digits under PGD, 1,000 instead of 100 raised the AUROC from .77 to .96). The references must be
    other images than the queries and than those they were made from: an image is its own nearest neighbor.
    """
    if not 1 < num_neighbors <= batch_size <= len(reference):
        raise ValueError(
            f"expected 1 < num_neighbors <= batch_size <= references, got {num_neighbors}, {batch_size} "
            f"and {len(reference)}"
        )
    minibatches = [stream.generator(item).choice(len(reference), batch_size, replace=False) for item in item_ids]
    chosen = torch.stack([torch.from_numpy(indices) for indices in minibatches]).to(queries.device)
    return _nearest(pairwise_distances(queries, reference).gather(1, chosen), num_neighbors)


def lid_among(queries: Tensor, reference: Tensor, num_neighbors: int) -> Tensor:
    """LID ``[N]`` of ``queries [N, D]`` among all of ``reference [M, D]``, the same for every query."""
    return _nearest(pairwise_distances(queries, reference), num_neighbors)


def _nearest(distances: Tensor, num_neighbors: int) -> Tensor:
    return lid_of_distances(distances.topk(num_neighbors, dim=1, largest=False).values)


@torch.no_grad()
def lid_columns(
    model: nn.Module,
    x: Tensor,
    item_ids: Sequence[Item],
    layers: Sequence[str],
    reference: Sequence[Tensor],
    stream: Stream,
    *,
    num_neighbors: int = 20,
    batch_size: int = 100,
) -> Tensor:
    """LID of images ``[N, C, H, W]`` at each of ``layers``, as columns ``[N, len(layers)]`` for ``fit_logistic``.

    ``reference`` is ``features(model, natural_images, layers)``; an image meets the same minibatch at every layer.
    """
    columns = [
        lid(queries, others, item_ids, stream, num_neighbors=num_neighbors, batch_size=batch_size)
        for queries, others in zip(features(model, x, layers), reference, strict=True)
    ]
    return torch.stack(columns, dim=1)
