"""Batched augmentation whose draws belong to the item and the step, not to the batch or the worker."""

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional

from advgen_ray.rng import Stream

PADDING = 4


def flip(images: Tensor, item_ids: Sequence[str], step: int, stream: Stream) -> Tensor:
    """Mirror each image ``[N, C, H, W]`` left to right with probability one half."""
    chosen = stream.uniform(item_ids, (1,), step) < 0.5
    return _mirrored(images, chosen.to(images.device).view(-1, 1, 1, 1))


def flip_and_crop(images: Tensor, item_ids: Sequence[str], step: int, stream: Stream) -> Tensor:
    """Random mirroring, then a random crop of the image padded by 4 black pixels (S000 section 6, CIFAR-10).

    All 9 x 9 offsets are equally likely. ``images`` [N, C, H, W] in [0, 1]; the result has the same shape.
    """
    draws = stream.uniform(item_ids, (3,), step).to(images.device)
    images = _mirrored(images, (draws[:, 0] < 0.5).view(-1, 1, 1, 1))
    offsets = (draws[:, 1:] * (2 * PADDING + 1)).long()
    num_images, _, height, width = images.shape
    padded = functional.pad(images, (PADDING, PADDING, PADDING, PADDING))
    rows = offsets[:, 0, None] + torch.arange(height, device=images.device)
    columns = offsets[:, 1, None] + torch.arange(width, device=images.device)
    image = torch.arange(num_images, device=images.device)[:, None, None]
    return padded.permute(0, 2, 3, 1)[image, rows[:, :, None], columns[:, None, :]].permute(0, 3, 1, 2).contiguous()


def _mirrored(images: Tensor, chosen: Tensor) -> Tensor:
    return torch.where(chosen, images.flip(3), images)
