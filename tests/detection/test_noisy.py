"""Noise as large as an attack: image by image, the same for an image whoever is beside it."""

import torch

from advgen_ray.detection.noisy import as_much_noise
from advgen_ray.rng import Stream


def test_noise_is_as_far_from_the_image_as_the_attack() -> None:
    x = torch.full((3, 2, 4, 5), 0.5)
    x_adv = x + torch.tensor([0.0, 0.01, 0.02]).view(3, 1, 1, 1)
    noisy = as_much_noise(x_adv, x, ["a", "b", "c"], Stream(0, "noise"))
    torch.testing.assert_close((noisy - x).flatten(1).norm(dim=1), (x_adv - x).flatten(1).norm(dim=1))
    assert torch.equal(noisy[0], x[0])
    assert (noisy[1] - x[1]).unique().numel() == 40, "every element has a draw of its own"
    alone = as_much_noise(x_adv[2:], x[2:], ["c"], Stream(0, "noise"))
    torch.testing.assert_close(alone[0], noisy[2])


def test_it_stays_an_image() -> None:
    x = torch.rand(2, 1, 4, 4, generator=torch.Generator().manual_seed(0))
    noisy = as_much_noise(1 - x, x, ["a", "b"], Stream(0, "noise"))
    assert 0 <= noisy.min() < noisy.max() <= 1
