"""Scores through other schedules: exact networks of Gaussian data give the exact score; EDM's sampler; what is held."""

import itertools
import math
from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import Tensor

from advgen_ray.diffusion import ScoreFn
from advgen_ray.diffusion.foreign_scores import (
    NoiseReading,
    chain_score,
    denoiser_score,
    held_score,
    noise_of_epsilon,
    noise_of_image,
    noise_of_velocity,
    paired,
    timesteps,
)
from advgen_ray.diffusion.solvers import heun
from advgen_ray.diffusion.vp_sde import VPSDE, log_snr_times, per_image

SDE = VPSDE()
MEANS, DEVIATION = torch.tensor([0.4, -0.3, 0.1], dtype=torch.float64), 0.3  # one class each, the last one the null
LINEAR = torch.cumprod(1 - torch.linspace(1e-4, 0.02, 1000, dtype=torch.float64), 0)
COSINE = torch.cos((torch.arange(1000).double() / 1000 + 0.008) / 1.008 * math.pi / 2) ** 2
COSINE = COSINE[1:] / COSINE[0]
SHORT = torch.tensor([0.999, 0.9, 0.5, 0.01], dtype=torch.float64)
TIMES = torch.tensor([1.0, 0.97, 0.71, 0.5, 0.2543, 0.1, 0.013, 2e-3, 1e-3], dtype=torch.float64)


def _gaussian_score(x_t: Tensor, t: Tensor, y: Tensor) -> Tensor:
    alpha, sigma = per_image(SDE.alpha(t), x_t), per_image(SDE.sigma(t), x_t)
    return -(x_t - alpha * per_image(MEANS[y], x_t)) / ((alpha * DEVIATION) ** 2 + sigma**2)


def _image(x_t: Tensor, alpha: Tensor, sigma: Tensor, y: Tensor) -> Tensor:
    """The mean of the image given ``alpha image + sigma noise``."""
    mean = per_image(MEANS[y], x_t)
    return mean + alpha * DEVIATION**2 / ((alpha * DEVIATION) ** 2 + sigma**2) * (x_t - alpha * mean)


def _exact_network(kind: str, alphas_cumprod: Tensor) -> Callable[[Tensor, Tensor, Tensor], Tensor]:
    """What a perfect network would say at fractional timesteps of a chain, log-SNR linear between them."""
    levels = (alphas_cumprod / (1 - alphas_cumprod)).log().numpy()

    def network(x_t: Tensor, timestep: Tensor, y: Tensor) -> Tensor:
        log_snr = torch.from_numpy(np.interp(timestep.double().numpy(), np.arange(len(levels)), levels))
        alpha, sigma = (per_image(v.sigmoid().sqrt(), x_t) for v in (log_snr, -log_snr))
        image = _image(x_t, alpha, sigma, y)
        noise = (x_t - alpha * image) / sigma
        return {"epsilon": noise, "v": alpha * noise - sigma * image, "image": image}[kind]

    return network


READINGS: dict[str, NoiseReading] = {"epsilon": noise_of_epsilon, "v": noise_of_velocity, "image": noise_of_image}


def _batch(dtype: torch.dtype = torch.float64) -> tuple[Tensor, Tensor, Tensor]:
    """Noisy images at all times, with labels that include the null one."""
    generator = torch.Generator().manual_seed(0)
    y = torch.arange(len(TIMES)) % 3
    noise = torch.randn(len(TIMES), 2, 3, 3, generator=generator, dtype=torch.float64)
    x_t = per_image(SDE.alpha(TIMES), noise) * per_image(MEANS[y], noise) + noise
    return x_t.to(dtype), TIMES, y


@pytest.mark.parametrize("kind", READINGS)
@pytest.mark.parametrize("chain", [LINEAR, COSINE], ids=["linear", "cosine"])
def test_exact_networks_of_a_chain_give_the_exact_score(kind: str, chain: Tensor) -> None:
    score_fn = chain_score(_exact_network(kind, chain), chain, READINGS[kind], SDE)
    x_t, t, y = _batch()
    torch.testing.assert_close(score_fn(x_t, t, y), _gaussian_score(x_t, t, y), rtol=1e-5, atol=1e-5)
    single = score_fn(x_t.float(), t, y)
    assert single.dtype == torch.float32
    torch.testing.assert_close(single.double(), _gaussian_score(x_t, t, y), rtol=1e-3, atol=1e-3)


def test_between_the_levels_of_a_coarse_chain_the_score_is_exact_too() -> None:
    times = SDE.time_of(torch.tensor([4.0, 1.3, 0.0, -3.1], dtype=torch.float64))
    x_t, y = _batch()[0][:4], torch.zeros(4).long()
    score_fn = chain_score(_exact_network("v", SHORT), SHORT, noise_of_velocity, SDE)
    torch.testing.assert_close(score_fn(x_t, times, y), _gaussian_score(x_t, times, y), rtol=1e-5, atol=1e-5)


def _exact_denoiser(x: Tensor, sigma: Tensor, class_labels: Tensor | None) -> Tensor:
    """Labels one-hot for the classes 0 and 1; zeros, or none at all, for the null one."""
    row = torch.tensor([0, 1, 2])[-1].expand(len(x)) if class_labels is None else _label(class_labels)
    return _image(x, torch.ones(1, dtype=x.dtype), per_image(sigma, x), row)


def _label(one_hot: Tensor) -> Tensor:
    assert one_hot.shape[1] == 2
    assert bool(((one_hot == 0) | (one_hot == 1)).all())
    return torch.where(one_hot.sum(1) == 1, one_hot.argmax(1), 2)


def test_an_exact_denoiser_gives_the_exact_score_of_every_label() -> None:
    x_t, t, y = _batch()
    score_fn = denoiser_score(_exact_denoiser, SDE, num_classes=2, sigma_max=200.0)
    torch.testing.assert_close(score_fn(x_t, t, y), _gaussian_score(x_t, t, y), rtol=1e-5, atol=1e-5)
    without = denoiser_score(_exact_denoiser, SDE, num_classes=0, sigma_max=200.0)
    null = torch.full_like(y, 2)
    torch.testing.assert_close(without(x_t, t, y), _gaussian_score(x_t, t, null), rtol=1e-5, atol=1e-5)


def _random_denoiser() -> Callable[[Tensor, Tensor, Tensor | None], Tensor]:
    torch.manual_seed(0)
    layer = torch.nn.Conv2d(2, 2, 3, padding=1).double().requires_grad_(False)

    def denoiser(x: Tensor, sigma: Tensor, class_labels: Tensor | None) -> Tensor:
        total = per_image((sigma**2 + 0.25).sqrt(), x)
        noise = per_image(sigma, x)
        assert class_labels is not None
        hidden = torch.tanh(layer(x / total) + per_image(class_labels.argmax(1) + sigma.log() / 4, x))
        return 0.25 / total**2 * x + noise * 0.5 / total * hidden

    return denoiser


def test_our_heun_over_a_denoiser_is_edms_own_sampler() -> None:
    """Karras et al. 2022, algorithm 1 on ``D(x; sigma)`` itself, from sigma 60 to 0."""
    denoiser, labels = _random_denoiser(), torch.eye(3, dtype=torch.float64)
    start = float(SDE.time_of(-2 * torch.tensor([60.0]).double().log()))
    times = log_snr_times(8, SDE) * start
    sigmas = (SDE.sigma(times) / SDE.alpha(times)).tolist()
    x_T = torch.randn(3, 2, 4, 4, generator=torch.Generator().manual_seed(1), dtype=torch.float64)

    x = x_T / SDE.alpha(times[0])
    for now, then in itertools.pairwise(sigmas):
        slope = (x - denoiser(x, torch.full((3,), now, dtype=x.dtype), labels)) / now
        moved = x + (then - now) * slope
        if then > 0:
            slope_then = (moved - denoiser(moved, torch.full((3,), then, dtype=x.dtype), labels)) / then
            moved = x + (then - now) * (slope + slope_then) / 2
        x = moved

    score_fn = denoiser_score(denoiser, SDE, num_classes=3)
    ours = heun(score_fn, x_T, torch.arange(3), times, lambda step: x_T, SDE)
    assert sigmas[0] == pytest.approx(60)
    torch.testing.assert_close(ours, x, rtol=1e-8, atol=1e-8)


def test_beyond_the_noisiest_level_the_image_is_held_and_beyond_the_cleanest_the_score() -> None:
    chain = LINEAR[10:800]  # log-SNR 6.2 to -6.3; ours is 9.1 at t = 1e-3 and -10 at t = 1
    ends = SDE.time_of((chain / (1 - chain)).log()[[0, -1]])
    score_fn = chain_score(_exact_network("epsilon", chain), chain, noise_of_epsilon, SDE)
    x_t, _, y = _batch()
    for t in (1.0, 0.9):
        asked = torch.full((len(y),), t, dtype=torch.float64)
        known = torch.full_like(asked, float(ends[1]))
        image = _image(x_t, per_image(SDE.alpha(known), x_t), per_image(SDE.sigma(known), x_t), y)
        held = (per_image(SDE.alpha(asked), x_t) * image - x_t) / per_image(SDE.sigma(asked) ** 2, x_t)
        torch.testing.assert_close(score_fn(x_t, asked, y), held, rtol=1e-9, atol=1e-9)
        torch.testing.assert_close(held, _gaussian_score(x_t, asked, y), rtol=0, atol=1e-3)
    for t in (1e-3, 0.0):
        asked = torch.full((len(y),), t, dtype=torch.float64)
        known = torch.full_like(asked, float(ends[0]))
        torch.testing.assert_close(score_fn(x_t, asked, y), _gaussian_score(x_t, known, y), rtol=1e-9, atol=1e-9)


def test_a_level_without_signal_is_left_out() -> None:
    chain = torch.cat([LINEAR, torch.zeros(1, dtype=torch.float64)])
    score_fn = chain_score(_exact_network("v", LINEAR), chain, noise_of_velocity, SDE)
    x_t, t, y = _batch()
    torch.testing.assert_close(score_fn(x_t, t, y), _gaussian_score(x_t, t, y), rtol=1e-5, atol=1e-5)


def test_timesteps_are_whole_at_the_levels_and_stay_within_them() -> None:
    levels = torch.tensor([5.0, 3.0, -1.0])
    asked = torch.tensor([9.0, 5.0, 4.0, 3.0, 0.0, -1.0, -7.0])
    assert timesteps(asked, levels).tolist() == [0.0, 0.0, 0.5, 1.0, 1.75, 2.0, 2.0]


def test_a_pair_asks_each_for_its_own_rows() -> None:
    seen: dict[str, list[int]] = {}

    def named(name: str, value: float) -> ScoreFn:
        def score_fn(x_t: Tensor, t: Tensor, y: Tensor) -> Tensor:
            seen[name] = y.tolist()
            return value * x_t + per_image(t, x_t)

        return score_fn

    score_fn = paired(named("conditional", 1.0), named("unconditional", -1.0), null_label=5)
    x_t, t, y = torch.ones(4, 1, 2, 2), torch.tensor([0.0, 0.25, 0.5, 0.75]), torch.tensor([5, 1, 0, 5])
    assert score_fn(x_t, t, y)[:, 0, 0, 0].tolist() == [-1.0, 1.25, 1.5, -0.25]
    assert seen == {"conditional": [1, 0], "unconditional": [5, 5]}
    seen.clear()
    score_fn(x_t[1:3], t[1:3], y[1:3])
    assert seen == {"conditional": [1, 0]}


@pytest.mark.parametrize(
    ("alphas_cumprod", "message"),
    [
        (LINEAR[:100], r"from sigma 0.01 to alpha 0.9\d*; generation begins where alpha is 0.333 or less"),
        (LINEAR[200:], r"from sigma 0.5\d* to alpha 0.006\d*; .* ends where sigma is 0.2 or less"),
        (LINEAR.flip(0), "alphas_cumprod must fall strictly between 1 and 0"),
        (LINEAR[:1], "alphas_cumprod must fall strictly"),
        (torch.cat([LINEAR[:500], LINEAR[400:]]), "alphas_cumprod must fall strictly"),
        (torch.tensor([1.0, 0.5, 0.01]), "alphas_cumprod must fall strictly between 1 and 0"),
    ],
)
def test_a_chain_that_covers_no_diffusion_is_refused(alphas_cumprod: Tensor, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        chain_score(_exact_network("epsilon", LINEAR), alphas_cumprod, noise_of_epsilon, SDE)


def test_denoisers_of_other_levels_or_shapes_are_refused() -> None:
    with pytest.raises(ValueError, match=r"0 < sigma_min < sigma_max expected, got 80\.0 and 0\.002"):
        denoiser_score(_exact_denoiser, SDE, num_classes=2, sigma_min=80.0, sigma_max=0.002)
    with pytest.raises(ValueError, match=r"to alpha 0\.707; generation begins"):
        denoiser_score(_exact_denoiser, SDE, num_classes=2, sigma_max=1.0)
    with pytest.raises(ValueError, match=r"from sigma 0\.447"):
        held_score(lambda x_t, log_snr, y: x_t, -9.0, math.log(4), SDE)
    score_fn = denoiser_score(lambda x, sigma, labels: x[:, :1], SDE, num_classes=2)
    x_t, t, y = _batch()
    with pytest.raises(ValueError, match=r"gives \[9, 1, 3, 3\] for images \[9, 2, 3, 3\]"):
        score_fn(x_t, t, y)


def test_a_denoiser_is_asked_in_the_precision_of_the_images() -> None:
    asked: list[tuple[torch.dtype, ...]] = []

    def denoiser(x: Tensor, level: Tensor, class_labels: Tensor | None) -> Tensor:
        assert class_labels is not None
        asked.append((x.dtype, level.dtype, class_labels.dtype))
        return x

    times = torch.tensor([0.5, 0.2], dtype=torch.float64)
    denoiser_score(denoiser, SDE, num_classes=3)(torch.zeros(2, 1, 2, 2), times, torch.tensor([0, 1]))
    assert set(asked) == {(torch.float32,) * 3}
