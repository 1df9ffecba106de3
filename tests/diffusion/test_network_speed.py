"""A score in bfloat16 and a compiled one: what they compute, and in which type a sampler goes on with it."""

import pytest
import torch
from torch import Tensor

from advgen_ray.diffusion import ScoreFn
from advgen_ray.diffusion.network_speed import compiled, in_bfloat16
from advgen_ray.diffusion.samplers import ancestral
from advgen_ray.diffusion.score_matching import score_from_noise_prediction
from advgen_ray.diffusion.vp_sde import VPSDE, quadratic_times
from advgen_ray.models.unet import UNet

SDE = VPSDE()


def _unet() -> UNet:
    torch.manual_seed(0)
    unet = UNet((1, 8, 8), 3, base_channels=8, channel_multipliers=(1, 2), num_blocks=1, channels_per_group=4).eval()
    for parameter in unet.parameters():
        if not parameter.any():
            torch.nn.init.normal_(
                parameter, std=0.1
            )  # the layers that begin at zero: else there is no score to compare
    return unet.requires_grad_(False)


def _inputs(num_images: int) -> tuple[Tensor, Tensor, Tensor]:
    x_t = torch.randn(num_images, 1, 8, 8, generator=torch.Generator().manual_seed(num_images))
    return x_t, torch.full((num_images,), 0.3), torch.arange(num_images) % 4


def test_bfloat16_is_that_of_the_products_alone() -> None:
    weight = torch.randn(64, 64, generator=torch.Generator().manual_seed(1))
    x_t, t, y = _inputs(5)

    def score_fn(x_t: Tensor, t: Tensor, y: Tensor) -> Tensor:
        return (x_t.flatten(1) @ weight).view_as(x_t)

    rounded = (x_t.flatten(1).bfloat16() @ weight.bfloat16()).float().view_as(x_t)
    score = in_bfloat16(score_fn)(x_t, t, y)
    assert score.dtype == torch.float32
    assert torch.equal(score, rounded)
    assert not torch.equal(score, score_fn(x_t, t, y))


def test_the_state_of_a_sampler_stays_in_float32() -> None:
    seen: list[torch.dtype] = []
    score_fn = score_from_noise_prediction(_unet(), SDE)

    def watched(x_t: Tensor, t: Tensor, y: Tensor) -> Tensor:
        seen.append(x_t.dtype)
        return score_fn(x_t, t, y)

    x_T, _, y = _inputs(4)
    noise = torch.randn(20, *x_T.shape, generator=torch.Generator().manual_seed(2))
    ends = [ancestral(f, x_T, y, quadratic_times(20), noise.__getitem__, SDE) for f in (score_fn, in_bfloat16(watched))]
    assert seen == [torch.float32] * 20
    assert ends[1].dtype == torch.float32
    error = (ends[1] - ends[0]).norm() / ends[0].norm()
    assert 0 < error < 0.02, error  # bfloat16 has 8 bits: .4% a product
    in_bfloat16_too = ends[1].bfloat16().float()
    assert not torch.equal(ends[1], in_bfloat16_too)


@pytest.mark.long
def test_compiled_keeps_what_it_gave_and_takes_batches_of_any_size() -> None:
    weight = torch.randn(64, 64, generator=torch.Generator().manual_seed(1))

    def score_fn(x_t: Tensor, t: Tensor, y: Tensor) -> Tensor:
        return torch.tanh(x_t.flatten(1) @ weight * t[:, None] + y[:, None]).view_as(x_t)

    _check_compiled(score_fn)


@pytest.mark.long
def test_a_compiled_unet_gives_its_score() -> None:
    _check_compiled(score_from_noise_prediction(_unet(), SDE))


def _check_compiled(score_fn: ScoreFn) -> None:
    fast = compiled(score_fn)
    given = {size: fast(*_inputs(size)) for size in (6, 3)}
    again = fast(-_inputs(6)[0], *_inputs(6)[1:])
    for size, score in given.items():
        torch.testing.assert_close(score, score_fn(*_inputs(size)), rtol=1e-4, atol=1e-4)
    assert not torch.equal(again, given[6])
