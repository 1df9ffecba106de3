"""The denoising loss and its parts: what it is zero for, what it is per image, which score its minimum is."""

import torch
from torch import Tensor

from advgen_ray.diffusion.score_matching import (
    denoising_loss,
    drop_labels,
    score_from_noise_prediction,
    training_times,
)
from advgen_ray.diffusion.vp_sde import VPSDE, per_image

SDE = VPSDE()


def _draws(num: int = 6) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    generator = torch.Generator().manual_seed(0)
    x0, noise = (torch.randn(num, 1, 4, 4, generator=generator) for _ in range(2))
    return x0, torch.arange(num), training_times(torch.rand(num, generator=generator)), noise


def test_loss_is_zero_for_the_noise_and_one_number_an_image() -> None:
    x0, y, t, noise = _draws()
    assert (denoising_loss(lambda *_: noise, x0, y, t, noise, SDE) == 0).all()
    zero = denoising_loss(lambda x_t, *_: torch.zeros_like(x_t), x0, y, t, noise, SDE)
    torch.testing.assert_close(zero, (noise**2).mean((1, 2, 3)))


def test_model_sees_the_diffused_image_its_time_and_label() -> None:
    x0, y, t, noise = _draws()
    seen: list[Tensor] = []
    denoising_loss(lambda *arguments: seen.extend(arguments) or noise, x0, y, t, noise, SDE)
    x_t, t_seen, y_seen = seen
    recovered = (x_t - per_image(SDE.sigma(t), x0) * noise) / per_image(SDE.alpha(t), x0)
    torch.testing.assert_close(recovered, x0, rtol=0, atol=1e-3)
    assert torch.equal(t_seen, t)
    assert torch.equal(y_seen, y)


def test_minimum_of_the_loss_is_the_score_of_the_diffused_density() -> None:
    """For data N(0, s^2) the best linear prediction c x_t, found by least squares, is -sigma times the exact score."""
    generator = torch.Generator().manual_seed(1)
    t = torch.full((400_000,), 0.3)
    x0, noise = (torch.randn(len(t), 1, 1, 1, generator=generator) for _ in range(2))
    x0 = 0.5 * x0
    caught: list[Tensor] = []
    denoising_loss(lambda x_t, *_: caught.append(x_t) or noise, x0, t.long(), t, noise, SDE)
    slope = float((caught[0] * noise).mean() / (caught[0] ** 2).mean())
    score_fn = score_from_noise_prediction(lambda x_t, *_: slope * x_t, SDE)
    variance = (0.5 * SDE.alpha(t[:1])) ** 2 + SDE.sigma(t[:1]) ** 2
    one = torch.ones(1, 1, 1, 1)
    exact = -(one / variance).float()
    torch.testing.assert_close(score_fn(one, t[:1], t[:1].long()), exact, rtol=5e-3, atol=0)


def test_score_divides_by_each_images_own_sigma() -> None:
    t = torch.tensor([0.01, 0.9])
    score = score_from_noise_prediction(lambda x_t, *_: torch.ones_like(x_t), SDE)(torch.zeros(2, 1, 2, 2), t, t.long())
    torch.testing.assert_close(score[:, 0, 0, 0].double(), -1 / SDE.sigma(t))


def test_labels_drop_at_the_rate_and_only_to_null() -> None:
    y = torch.arange(10_000) % 10
    dropped = drop_labels(y, torch.rand(len(y), generator=torch.Generator().manual_seed(0)), 0.3, 10)
    changed = dropped != y
    assert (dropped[changed] == 10).all()
    assert abs(changed.float().mean() - 0.3) < 0.02
    assert torch.equal(drop_labels(y, torch.zeros(len(y)), 0.0, 10), y)


def test_training_times_span_the_papers_interval() -> None:
    t = training_times(torch.tensor([0.0, 0.5, 1 - 2**-24]))
    torch.testing.assert_close(t, torch.tensor([1e-5, 0.500005, 1.0]))
    assert t.min() > 0
    assert t.max() <= 1
