"""Augmentation: keyed by item and step, uniform over its offsets, and made of the image's own pixels."""

import math

import pytest
import torch

from advgen_ray.data.augment import (
    LARGEST_SHIFT,
    PADDING,
    Augment,
    affine,
    any_resized_crop,
    auto_augment,
    flip,
    flip_and_crop,
    resized_crop,
)
from advgen_ray.rng import Stream

STREAM = Stream(0, "augment")


def test_an_item_alone_and_in_a_batch_is_augmented_alike() -> None:
    images = torch.rand(8, 3, 10, 7)
    ids = [f"item-{i}" for i in range(8)]
    for augment in (flip, flip_and_crop, affine, resized_crop, any_resized_crop):
        together = augment(images, ids, 5, STREAM)
        alone = torch.cat([augment(images[i : i + 1], ids[i : i + 1], 5, STREAM) for i in range(8)])
        assert torch.equal(together, alone)
        assert together.shape == images.shape
        assert not torch.equal(together, augment(images, ids, 6, STREAM))  # another step, another draw
        assert not torch.equal(together, augment(images, ids, 5, Stream(1, "augment")))


def test_flip_mirrors_about_half_of_the_items() -> None:
    images = torch.rand(2000, 1, 1, 2)
    flipped = flip(images, [str(i) for i in range(2000)], 0, STREAM)
    mirrored = (flipped == images.flip(3)).all(3).flatten()
    assert ((flipped == images).all(3).flatten() | mirrored).all()
    assert 0.45 < mirrored.float().mean() < 0.55


def test_crops_are_windows_of_the_padded_image_at_every_offset() -> None:
    size, span = 6, 2 * PADDING + 1
    image = torch.arange(1, size * size + 1).float().view(1, 1, size, size)
    count = 4000
    crops = flip_and_crop(image.expand(count, -1, -1, -1), [str(i) for i in range(count)], 0, STREAM)
    windows = {}
    for mirrored in (False, True):
        padded = torch.nn.functional.pad(image.flip(3) if mirrored else image, [PADDING] * 4)
        for row in range(span):
            for column in range(span):
                window = padded[..., row : row + size, column : column + size]
                windows[window.numpy().tobytes()] = (mirrored, row, column)
    found = {windows[crop.contiguous().numpy().tobytes()] for crop in crops}  # KeyError: not a window
    assert len(found) == 2 * span * span


def test_auto_augment_is_keyed_and_blanks_a_square() -> None:
    images = torch.rand(6, 3, 16, 16, generator=torch.Generator().manual_seed(0))
    ids = [f"item-{i}" for i in range(6)]
    state = torch.random.get_rng_state()
    together = auto_augment(images, ids, 5, STREAM)
    assert torch.equal(torch.random.get_rng_state(), state), "torch's own generator is left as it was"
    alone = torch.cat([auto_augment(images[i : i + 1], ids[i : i + 1], 5, STREAM) for i in range(6)])
    assert torch.equal(together, alone)
    assert not torch.equal(together, auto_augment(images, ids, 6, STREAM))
    assert together.shape == images.shape
    assert 0 <= together.min() <= together.max() <= 1
    grey = (together == 128 / 255).all(1).flatten(1).sum(1)
    assert (grey >= 4 * 4).all()  # at least a quarter of the square of 8, at a corner
    assert (grey < 16 * 16).all()


def test_auto_augment_takes_images_of_one_channel() -> None:
    images = torch.rand(20, 1, 8, 8, generator=torch.Generator().manual_seed(0))
    assert auto_augment(images, [str(i) for i in range(20)], 0, STREAM).shape == images.shape


def test_affine_moves_a_blob_about_its_place_and_keeps_its_mass() -> None:
    """A Gaussian in the middle: its centre moves by the shift alone, its spread by stretch, turn and shear."""
    place = torch.arange(41.0) - 20
    blob = torch.exp(-(place**2) / (2 * 4**2))
    images = (blob[:, None] * blob).expand(600, 1, 41, 41)
    moved = affine(images, [str(i) for i in range(600)], 0, STREAM)
    mass = moved.sum((1, 2, 3))
    right, down = ((moved * axis).sum((1, 2, 3)) / mass for axis in (place, place[:, None]))
    for one in (right, down):
        assert one.abs().max() < 1.5 * LARGEST_SHIFT * 41
        assert one.abs().mean() > 0.4 * LARGEST_SHIFT * 41
        assert one.mean().abs() < 0.15 * LARGEST_SHIFT * 41
    assert (mass / images[0].sum()).min() > 0.8, "stretched by a tenth each way"
    assert (mass / images[0].sum()).max() < 1.25
    together = torch.stack([mass, right, down]).corrcoef() - torch.eye(3)
    assert together.abs().max() < 0.15, "shifted both ways by draws of their own, whatever the stretch"
    slant = (moved * place * place[:, None]).sum((1, 2, 3)) / mass / 4**2
    assert slant.min() < -0.15, "to the left"
    assert slant.max() > 0.15, "and to the right"


@pytest.mark.parametrize(
    ("augment", "share", "area", "ratio"),
    [(resized_crop, 0.5, (0.9, 1.0), (0.95, 1.05)), (any_resized_crop, 1.0, (0.08, 1.0), (3 / 4, 4 / 3))],
)
def test_resized_crops_are_rectangles_inside_the_image(
    augment: Augment, share: float, area: tuple[float, float], ratio: tuple[float, float]
) -> None:
    """Read from two ramps, of columns and of rows, which stay ramps: where a crop begins, how wide and high it is."""
    side, count = 64, 1000
    ramp = (torch.arange(side) + 0.5) / side
    images = torch.stack([ramp.expand(side, side), ramp[:, None].expand(side, side)]).expand(count, -1, -1, -1)
    found = augment(images, [str(i) for i in range(count)], 0, STREAM)
    columns, rows = found[:, 0].mean(1), found[:, 1].mean(2)
    (wide, left), (high, top) = (_line(values) for values in (columns, rows))
    mirrored, wide = wide < 0, wide.abs()
    left = torch.where(mirrored, left - wide, left)
    assert 0.45 < mirrored.float().mean() < 0.55
    assert min(left.min(), top.min(), (1 - left - wide).min(), (1 - top - high).min()) > -1e-4
    cropped = wide * high < 1 - 1e-4
    assert cropped.float().mean() == pytest.approx(share, abs=0.05)
    covered, stretched = (wide * high)[cropped], (wide / high)[cropped]
    assert area[0] - 0.02 < covered.min() < covered.max() <= 1
    assert covered.min() < area[0] + 0.02
    assert covered.mean() == pytest.approx(sum(area) / 2, abs=0.03)
    assert ratio[0] - 1e-3 < stretched.min() < stretched.max() < ratio[1] + 1e-3
    assert stretched.log().mean().abs() < 0.1 * math.log(ratio[1])
    inside = left[cropped] / (1 - wide[cropped]).clamp(min=1e-6)
    assert inside.quantile(0.1) < 0.2
    assert inside.quantile(0.9) > 0.8
    whole = ~cropped & ~mirrored
    torch.testing.assert_close(found[whole], images[whole])


def _line(values: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Length of a crop and its beginning, both of the image's side, from ``[N, side]`` values of a ramp in it."""
    side = values.shape[1]
    middle = slice(side // 4, 3 * side // 4)  # at the border a ramp ends
    slope = values[:, middle].diff(dim=1).mean(1) * side
    return slope, values[:, middle].mean(1) - slope / 2
