"""Degradation and restoration: closed forms, scikit-image beside us, and searches by hand."""

import math

import numpy as np
import pytest
import torch
from skimage.metrics import peak_signal_noise_ratio, structural_similarity
from torch import Tensor, nn

from advgen_ray.attacks.threat_model import L2, Unconstrained
from advgen_ray.rng import Stream
from advgen_ray.synthesis import classical
from advgen_ray.synthesis.degradation import occluded, paste, square_masks, square_side, with_noise
from advgen_ray.synthesis.neighbors import nearest_l2
from advgen_ray.synthesis.psnr import ROUNDED_TO_8_BITS, psnr
from advgen_ray.synthesis.restoration import restore
from advgen_ray.synthesis.ssim import ssim


def _images(num_images: int, channels: int, side: int, seed: int = 0, width: int | None = None) -> Tensor:
    return torch.rand(num_images, channels, side, width or side, generator=torch.Generator().manual_seed(seed))


def _smooth(num_images: int, side: int = 24) -> Tensor:
    """A disc with a soft edge, of another place in each image."""
    at = torch.linspace(0, 1, side)
    places = 0.4 + 0.2 * torch.arange(num_images).view(-1, 1, 1) / num_images
    distance = ((at[:, None] - places) ** 2 + (at[None] - 0.5) ** 2).sqrt()
    return torch.sigmoid((0.25 - distance) / 0.03)[:, None]


@pytest.mark.parametrize(("channels", "height", "width"), [(1, 20, 20), (3, 32, 24)])
def test_psnr_and_ssim_are_scikit_images(channels: int, height: int, width: int) -> None:
    x = _images(4, channels, height, width=width)
    other = with_noise(x, torch.randn(x.shape, generator=torch.Generator().manual_seed(1)), 0.1)
    pairs = list(zip(x.double().numpy(), other.double().numpy(), strict=True))
    expected = [peak_signal_noise_ratio(one, two, data_range=1.0) for one, two in pairs]
    assert psnr(x, other).tolist() == pytest.approx(expected, abs=1e-4)
    gaussian = {"gaussian_weights": True, "sigma": 1.5, "use_sample_covariance": False}
    expected = [structural_similarity(one, two, data_range=1.0, channel_axis=0, **gaussian) for one, two in pairs]
    assert ssim(x, other).tolist() == pytest.approx(expected, abs=1e-4)


def test_psnr_of_known_errors() -> None:
    x = torch.full((2, 1, 8, 8), 0.5)
    assert psnr(x, x + 0.1).tolist() == pytest.approx([20.0, 20.0], abs=1e-4)
    assert psnr(x, x).tolist() == [math.inf] * 2
    fine = _images(1, 1, 256).double()
    assert psnr(fine, (fine * 255).round() / 255).item() == pytest.approx(ROUNDED_TO_8_BITS, abs=0.1)
    with pytest.raises(ValueError, match="two batches of one shape"):
        psnr(x, x[:1])


def test_squares_cover_their_share_wherever_they_lie() -> None:
    places = Stream(0, "occlusion").uniform([f"image-{i}" for i in range(500)], (2,))
    masks = square_masks(places, 10, 12, 0.3)
    side = square_side(10, 12, 0.3)
    assert side == 6
    assert (masks.flatten(1).sum(dim=1) == side**2).all()
    rows, columns = masks[:, 0].any(dim=2), masks[:, 0].any(dim=1)
    assert (rows.sum(dim=1) == side).all()
    assert (columns.sum(dim=1) == side).all()
    assert set(rows.int().argmax(dim=1).tolist()) == set(range(5)), "every place occurs, the borders too"
    assert set(columns.int().argmax(dim=1).tolist()) == set(range(7))
    assert torch.equal(square_masks(places[7:8], 10, 12, 0.3), masks[7:8])
    x = _images(500, 1, 10)[:, :, :, :1].expand(-1, -1, 10, 12)
    hidden = occluded(x, masks, 0.5)
    assert (hidden[masks] == 0.5).all()
    assert torch.equal(hidden[~masks], x[~masks])
    with pytest.raises(ValueError, match=r"in \(0, 1\)"):
        square_masks(places, 10, 12, 1.0)


def test_searches_find_by_whole_image_and_by_patch_alone() -> None:
    x, known = _images(3, 2, 6, width=7), _images(30, 2, 6, seed=1, width=7)
    mask = torch.zeros(3, 1, 6, 7, dtype=torch.bool)
    mask[0, :, :3, :3], mask[1, :, 3:, 3:], mask[2, :, 1:4, 2:5] = True, True, True
    known[11] = (x[0] + 0.05).clamp(0, 1)
    known[4, :, :3, :3] = x[0, :, :3, :3]
    assert nearest_l2(x, known, 1)[0][0] == 11
    found, distances = nearest_l2(x, known, 30, mask)
    assert found[0, 0] == 4
    for i in range(3):
        squares = ((known - x[i]).double().square() * mask[i]).sum(dim=(1, 2, 3))
        torch.testing.assert_close(distances[i], squares[found[i]].sqrt())
        assert (distances[i].diff() >= 0).all()
    pasted = paste(x, known[found[:, 0]], mask)
    assert torch.equal(pasted[0], x[0])
    with pytest.raises(ValueError, match="candidates like"):
        nearest_l2(x, known[:0], 1)


def test_classical_methods_take_noise_away_and_fill_what_is_missing() -> None:
    clean = _smooth(3)
    noisy = with_noise(clean, Stream(0, "noise").normal(["a", "b", "c"], clean.shape[1:]), 0.1)
    for restored in (
        classical.total_variation(noisy, 0.1),
        classical.non_local_means(noisy, 0.08, 0.1),
        classical.wavelets(noisy, 0.1),
    ):
        assert restored.dtype == torch.float32
        assert 0 <= float(restored.min()) <= float(restored.max()) <= 1
        assert (psnr(restored, clean) > psnr(noisy, clean) + 0.5).all()
    at = torch.linspace(0, 1, 16)
    plane = (0.2 + 0.3 * at[:, None] + 0.4 * at[None, :12]).expand(2, 3, 16, 12)
    mask = square_masks(torch.tensor([[0.5, 0.5], [0.3, 0.6]]), 16, 12, 0.1)
    filled = classical.biharmonic(occluded(plane, mask, 0.0), mask)
    assert torch.allclose(filled, plane, atol=1e-4), "a plane is biharmonic"


class Linear(nn.Module):
    """``f(x)_k = w_k . x``."""

    def __init__(self, num_outputs: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(num_outputs, 16, generator=torch.Generator().manual_seed(3)))

    def forward(self, x: Tensor) -> Tensor:
        return x.flatten(1) @ self.weight.T


@pytest.mark.parametrize("num_outputs", [1, 4])
def test_strength_is_a_dial_on_one_path(num_outputs: int) -> None:
    model, x = Linear(num_outputs), torch.full((3, 1, 4, 4), 0.5)
    y = torch.zeros(3, dtype=torch.int64) if num_outputs == 1 else torch.tensor([2, 0, 3])
    path = restore(model, x, y, steps=(5, 1, 3), step_size=0.05, threat_model=Unconstrained())
    direction = nn.functional.normalize(model.weight.detach()[y], dim=1).view(3, 1, 4, 4)
    for found, step in zip(path, (5, 1, 3), strict=True):
        assert torch.allclose(found, x + 0.05 * step * direction, atol=1e-6)
    near = restore(model, x, y, steps=(2, 9), step_size=0.05, threat_model=L2(0.2))
    assert (near[1] - x).flatten(1).norm(dim=1).tolist() == pytest.approx([0.2] * 3, abs=1e-5)


def test_known_pixels_are_held_and_batches_decide_nothing() -> None:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Flatten(), nn.Linear(16, 8), nn.Tanh(), nn.Linear(8, 3))
    x, y = _images(6, 1, 4), torch.tensor([0, 1, 2, 0, 1, 2])
    mask = square_masks(Stream(0, "occlusion").uniform(range(6), (2,)), 4, 4, 0.25)
    settings = {"steps": (2, 6), "step_size": 0.1, "threat_model": Unconstrained()}
    held = restore(model, x, y, mask=mask, **settings)
    assert torch.equal(held[1][~mask], x[~mask])
    assert not torch.equal(held[1][mask], x[mask])
    alone = restore(model, x[4:5], y[4:5], mask=mask[4:5], **settings)
    assert torch.allclose(held[:, 4:5], alone, atol=1e-6)
    free = restore(model, x, y, **settings)
    assert (free[1][~mask] != x[~mask]).any()
    with pytest.raises(ValueError, match="at least 1"):
        restore(model, x, y, steps=(0, 2), step_size=0.1, threat_model=Unconstrained())


def test_noise_is_clipped_and_as_large_as_asked() -> None:
    x = torch.full((20, 1, 32, 32), 0.5)
    noise = Stream(0, "noise").normal(range(20), (1, 32, 32))
    assert float((with_noise(x, noise, 0.1) - x).std()) == pytest.approx(0.1, rel=0.02)
    assert float(with_noise(x, noise, 5.0).max()) == 1.0
    assert np.isfinite(with_noise(x, noise, 5.0).numpy()).all()
