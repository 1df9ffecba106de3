"""Batched augmentation whose draws belong to the item and the step, not to the batch or the worker."""

import math
from collections.abc import Callable, Sequence
from functools import partial

import torch
from torch import Tensor
from torch.nn import functional

from advgen_ray.rng import Stream

Augment = Callable[[Tensor, Sequence[str], int, Stream], Tensor]
"""``augment(images [N, C, H, W], item ids, step, stream)``: images of the same shape, in [0, 1]."""

PADDING = 4
LARGEST_TURN, LARGEST_SHEAR, LARGEST_STRETCH, LARGEST_SHIFT = math.radians(15), 0.3, 0.1, 0.07  # shift: of the side
CUTOUT = 0.5  # side of the square that is blanked, of the image's (RATIO: 16 of 32 pixels)


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


def affine(images: Tensor, item_ids: Sequence[str], step: int, stream: Stream) -> Tensor:
    """Handwriting by another hand: turned by up to 15 degrees, slanted by .3, stretched by a tenth, shifted by .07.

    ``images`` [N, C, H, W] in [0, 1]; six uniform draws each, outside is black, between pixels it is bilinear.
    """
    turn, shear, *rest = (2 * stream.uniform(item_ids, (6,), step).to(images) - 1).unbind(1)
    turn, shear = LARGEST_TURN * turn, LARGEST_SHEAR * shear
    wide, high = (1 + LARGEST_STRETCH * one for one in rest[:2])
    cos, sin = turn.cos(), turn.sin()
    right, down = (2 * LARGEST_SHIFT * one for one in rest[2:])  # the grid's side is 2
    rows = [wide * cos, wide * (shear * cos - sin), right, high * sin, high * (shear * sin + cos), down]
    grid = functional.affine_grid(torch.stack(rows, dim=1).view(-1, 2, 3), list(images.shape), align_corners=False)
    return functional.grid_sample(images, grid, align_corners=False).clamp(0, 1)


def resized_crop(
    images: Tensor,
    item_ids: Sequence[str],
    step: int,
    stream: Stream,
    *,
    share: float = 0.5,
    area: tuple[float, float] = (0.9, 1.0),
    ratio: tuple[float, float] = (0.95, 1.05),
) -> Tensor:
    """A rectangle somewhere in the image, stretched to all of it, in a ``share`` of the images; then random mirroring.

    Its ``area`` is uniform, of the image's; the ``ratio`` of its width's share to its height's is uniform in the
    logarithm; a side that would be longer than the image's is as long. The defaults are S004's, by its code, for the
    data of CelebA-HQ 256. ``images`` [N, C, H, W] in [0, 1]; six uniform draws each, between pixels it is bilinear.
    """
    draws = stream.uniform(item_ids, (6,), step).to(images)
    covered = area[0] + (area[1] - area[0]) * draws[:, 0]
    longer = (math.log(ratio[0]) + math.log(ratio[1] / ratio[0]) * draws[:, 1]).exp()
    kept = draws[:, 2] >= share
    wide, high = ((covered * one).sqrt().clamp(max=1).masked_fill(kept, 1) for one in (longer, 1 / longer))
    right, down = ((1 - side) * (2 * draw - 1) for side, draw in ((wide, draws[:, 3]), (high, draws[:, 4])))
    wide = torch.where(draws[:, 5] < 0.5, -wide, wide)
    none = torch.zeros_like(wide)
    grid_of = torch.stack([wide, none, right, none, high, down], dim=1).view(-1, 2, 3)
    grid = functional.affine_grid(grid_of, list(images.shape), align_corners=False)
    return functional.grid_sample(images, grid, padding_mode="border", align_corners=False).clamp(0, 1)


any_resized_crop = partial(resized_crop, share=1.0, area=(0.08, 1.0), ratio=(3 / 4, 4 / 3))
"""As torchvision's RandomResizedCrop has it by default, in every image: S004's of p0 at 256 pixels."""


def auto_augment(images: Tensor, item_ids: Sequence[str], step: int, stream: Stream) -> Tensor:
    """Crop, mirror, AutoAugment's policy for CIFAR-10 (Cubuk et al. 2019), a blanked square (S004 3.3.2 after RATIO).

    ``images`` [N, C, H, W] in [0, 1], of one or three channels; torchvision draws from torch's generator, seeded here
    for every image.
    """
    from torchvision.transforms import (
        AutoAugment,
        AutoAugmentPolicy,
    )  # late: it takes seconds

    policy = AutoAugment(AutoAugmentPolicy.CIFAR10)
    images = flip_and_crop(images, item_ids, step, stream)
    changed = []
    with torch.random.fork_rng(devices=[]):
        for image, item_id in zip((255 * images).round().to(torch.uint8).cpu(), item_ids, strict=True):
            torch.manual_seed(int(stream.generator(f"policy/{item_id}", step).integers(2**63 - 1)))
            changed.append(_blanked(policy(image)))
    return torch.stack(changed).to(images).div_(255)


def _blanked(image: Tensor) -> Tensor:
    """A square of half the side, centred anywhere, in middle grey; it may reach over the border."""
    _, height, width = image.shape
    half = round(CUTOUT * height / 2)
    row, column = (int(torch.randint(size, ())) for size in (height, width))
    image[:, max(row - half, 0) : row + half, max(column - half, 0) : column + half] = 128
    return image


def _mirrored(images: Tensor, chosen: Tensor) -> Tensor:
    return torch.where(chosen, images.flip(3), images)
