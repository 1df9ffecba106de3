"""Generation end to end on Gaussian toys with known answers; keyed noise; both combinations; refusals."""

from typing import Any

import numpy as np
import pytest
import torch
from scipy.integrate import solve_ivp
from torch import Tensor

from advgen_ray.counterfactuals.generate import Combination, generate, paper_literal, score_consistent
from advgen_ray.counterfactuals.neighborhood import boltzmann_hardtanh, gaussian
from advgen_ray.diffusion import ScoreFn
from advgen_ray.diffusion.samplers import Sampler, ancestral, euler_maruyama
from advgen_ray.diffusion.score_matching import score_from_noise_prediction
from advgen_ray.diffusion.vp_sde import VPSDE, linear_times, per_image, quadratic_times
from advgen_ray.models.unet import UNet
from advgen_ray.rng import Stream

SDE = VPSDE()
CLASS_MEANS = torch.tensor([-0.3, 0.3, 0.0])  # two classes, then what no class means
CLASS_DEVIATION = 0.25
SIGMA_CE = 0.1


def _toy_score(x_t: Tensor, t: Tensor, y: Tensor) -> Tensor:
    """The exact score of classes N(mean_y, deviation^2), pixels independent."""
    alpha, sigma = per_image(SDE.alpha(t), x_t), per_image(SDE.sigma(t), x_t)
    mean = per_image(CLASS_MEANS[y], x_t)
    return -(x_t - alpha * mean) / ((alpha * CLASS_DEVIATION) ** 2 + sigma**2)


def _generate(score_fn: ScoreFn, sources: Tensor, y: Tensor, ids: list[str], **changes: Any) -> Tensor:
    settings = {
        "stream": Stream(0, "counterfactual"),
        "sde": SDE,
        "sampler": ancestral,
        "times": quadratic_times(20),
        "neighborhood": boltzmann_hardtanh,
        "sigma_ce": SIGMA_CE,
        "combine": score_consistent,
        "guidance_scale": 2.0,
        "null_label": 2,
    }
    return generate(score_fn, sources, y, ids, **(settings | changes))


def _known_moments(mu: float, y: int, w: float, combine: Combination) -> tuple[float, float]:
    """Mean and deviation that the reverse SDE carries N(0, 1) to: with a linear score they solve two linear ODEs.

    The score is ``a(t) x + b(t)``: read off any composed score at two points. Integrated in fp64, and in pixels.
    """

    def linear_score(t: float) -> tuple[float, float]:
        alpha, sigma = (float(f(torch.tensor(t, dtype=torch.float64))) for f in (SDE.alpha, SDE.sigma))
        data = (alpha * CLASS_DEVIATION) ** 2 + sigma**2
        near = (alpha * 2 * SIGMA_CE) ** 2 + sigma**2
        near *= sigma if combine is paper_literal else 1.0
        target = (w + 1) * float(CLASS_MEANS[y]) - w * float(CLASS_MEANS[2])
        return -1 / data - 1 / near, alpha * (target / data + mu / near)

    def backwards(elapsed: float, moments: np.ndarray) -> list[float]:
        t = 1 - elapsed
        beta = 0.1 + 19.9 * t
        a, b = linear_score(t)
        mean, variance = moments
        return [beta * ((0.5 + a) * mean + b), beta * (2 * (0.5 + a) * variance + 1)]

    end = 1 - 1e-6
    solution = solve_ivp(backwards, (0, end), [0.0, 1.0], method="LSODA", rtol=1e-9, atol=1e-11)
    mean, variance = solution.y[:, -1]
    return float(mean + 1) / 2, float(variance**0.5) / 2


@pytest.mark.parametrize("w", [0.0, 1.5])
@pytest.mark.parametrize("sampler", [ancestral, euler_maruyama])
def test_gaussian_classes_and_neighborhood_end_in_the_known_mean_and_deviation(sampler: Sampler, w: float) -> None:
    sources = torch.tensor([0.45, 0.6]).repeat(4).view(-1, 1, 1, 1).expand(-1, 1, 40, 40)
    y = torch.tensor([0, 0, 1, 1]).repeat(2)
    x_ce = _generate(
        _toy_score,
        sources,
        y,
        [str(i) for i in range(8)],
        sampler=sampler,
        times=linear_times(1000),
        neighborhood=gaussian,
        guidance_scale=w,
    )
    for source in (0.45, 0.6):
        for label in (0, 1):
            chosen = x_ce[(sources[:, 0, 0, 0] == source) & (y == label)]
            mean, deviation = _known_moments(2 * source - 1, label, w, score_consistent)
            assert float(chosen.mean()) == pytest.approx(mean, abs=0.006)
            assert float(chosen.std()) == pytest.approx(deviation, abs=0.006)


def test_known_answer_lies_between_source_and_class_and_near_the_posterior() -> None:
    """The product of the two Gaussians at t = 0 has a closed form; the path to it must end nearby."""
    for mu in (-0.1, 0.2):
        mean, deviation = _known_moments(mu, 1, 0.0, score_consistent)
        data, near = CLASS_DEVIATION**-2, (2 * SIGMA_CE) ** -2
        product = (float(CLASS_MEANS[1]) * data + mu * near) / (data + near)
        assert mean == pytest.approx((product + 1) / 2, abs=0.02)
        assert deviation == pytest.approx((data + near) ** -0.5 / 2, rel=0.25)


def test_literal_form_pulls_harder_towards_the_source() -> None:
    sources = torch.full((2, 1, 40, 40), 0.35)
    y, ids = torch.tensor([1, 1]), ["a", "b"]
    literal = _generate(
        _toy_score, sources, y, ids, neighborhood=gaussian, combine=paper_literal, guidance_scale=0.0,
        sampler=euler_maruyama, times=linear_times(1000),
    )  # fmt: skip
    mean, deviation = _known_moments(-0.3, 1, 0.0, paper_literal)
    assert float(literal.mean()) == pytest.approx(mean, abs=0.006)
    assert float(literal.std()) == pytest.approx(deviation, abs=0.006)
    assert mean < _known_moments(-0.3, 1, 0.0, score_consistent)[0] - 0.01


def test_combinations_coincide_where_sigma_is_one_and_differ_by_it_elsewhere() -> None:
    x_t = torch.randn(3, 1, 2, 2, generator=torch.Generator().manual_seed(0))
    t, y = torch.tensor([0.02, 0.3, 1.0]), torch.tensor([0, 1, 1])
    neighborhood_score = gaussian(torch.zeros_like(x_t), 0.4, SDE)
    base = _toy_score(x_t, t, y)
    consistent = score_consistent(_toy_score, neighborhood_score, SDE)(x_t, t, y) - base
    literal = paper_literal(_toy_score, neighborhood_score, SDE)(x_t, t, y) - base
    torch.testing.assert_close(consistent, per_image(SDE.sigma(t), x_t) * literal, rtol=1e-4, atol=1e-5)
    assert float(SDE.sigma(t[2:])) > 0.9999
    torch.testing.assert_close(consistent[2], literal[2], rtol=2e-4, atol=1e-5)
    assert (literal[0] / consistent[0]).min() > 12  # 1 / sigma_t


def test_literal_form_is_equation_4_in_noise_predictions() -> None:
    x_t = torch.randn(2, 1, 2, 2, generator=torch.Generator().manual_seed(0))
    t, y = torch.tensor([0.1, 0.6]), torch.tensor([0, 1])
    mu, sigma_ce = torch.full_like(x_t, 0.2), 0.4
    alpha, sigma = per_image(SDE.alpha(t), x_t), per_image(SDE.sigma(t), x_t)
    noise_prediction = -sigma * _toy_score(x_t, t, y)
    printed = noise_prediction - (alpha * mu - x_t) / (alpha**2 * sigma_ce**2 + sigma**2)
    ours = -sigma * paper_literal(_toy_score, gaussian(mu, sigma_ce, SDE), SDE)(x_t, t, y)
    torch.testing.assert_close(ours, printed, rtol=1e-4, atol=1e-5)


def _unet_score() -> ScoreFn:
    """A network with every weight awake, scaled to predict noise of about the right size."""
    torch.manual_seed(0)
    model = UNet((1, 8, 8), 2, base_channels=8, channel_multipliers=(1, 2), num_blocks=1, channels_per_group=4).eval()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.copy_(0.1 * torch.randn(parameter.shape))
    return score_from_noise_prediction(lambda x_t, t, y: 0.9 * x_t + 0.1 * model(x_t, t, y), SDE)


@pytest.mark.parametrize("sampler", [ancestral, euler_maruyama])
def test_a_counterfactual_alone_is_the_one_in_a_batch(sampler: Sampler) -> None:
    sources = torch.rand(7, 1, 8, 8, generator=torch.Generator().manual_seed(0))
    y = torch.tensor([0, 1, 0, 1, 0, 1, 0])
    ids = [f"digits-train-{i:06d}/{label}/0" for i, label in enumerate(y.tolist())]
    score_fn = _unet_score()
    together = _generate(score_fn, sources, y, ids, sampler=sampler)
    assert not together.requires_grad  # though the network's weights do
    for i in (0, 4, 6):
        alone = _generate(score_fn, sources[i : i + 1], y[i : i + 1], ids[i : i + 1], sampler=sampler)
        torch.testing.assert_close(alone, together[i : i + 1], rtol=0, atol=1e-5)
    order = [5, 0, 3]
    shuffled = _generate(score_fn, sources[order], y[order], [ids[i] for i in order], sampler=sampler)
    torch.testing.assert_close(shuffled, together[order], rtol=0, atol=1e-5)


def test_noise_is_the_items_own_draw_exactly() -> None:
    """A sampler that records what it is given: start and noise, alone and in a batch, bit for bit."""
    drawn: list[Tensor] = []

    def recorder(score_fn: ScoreFn, x_T: Tensor, y: Tensor, times: Tensor, noise_fn: Any, sde: VPSDE) -> Tensor:
        drawn.append(torch.stack([x_T, noise_fn(0), noise_fn(1)]))
        return x_T

    sources, ids = torch.rand(3, 1, 4, 4), ["a/0/0", "b/1/0", "c/0/1"]
    _generate(_toy_score, sources, torch.tensor([0, 1, 0]), ids, sampler=recorder)
    _generate(_toy_score, sources[1:2], torch.tensor([1]), ids[1:2], sampler=recorder)
    assert torch.equal(drawn[0][:, 1:2], drawn[1])
    stream = Stream(0, "counterfactual")
    assert torch.equal(drawn[0], torch.stack([stream.normal(ids, (1, 4, 4), step) for step in range(3)]))


def test_replicates_differ_and_seeds_differ() -> None:
    sources = torch.full((2, 1, 4, 4), 0.5)
    y = torch.tensor([1, 1])
    first = _generate(_toy_score, sources, y, ["a/1/0", "a/1/1"])
    assert (first[0] - first[1]).abs().max() > 0.01
    other = _generate(_toy_score, sources, y, ["a/1/0", "a/1/1"], stream=Stream(1, "counterfactual"))
    assert (first - other).abs().max() > 0.01


def test_counterfactuals_stay_in_the_box() -> None:
    sources = torch.rand(4, 1, 4, 4, generator=torch.Generator().manual_seed(0)).round()
    x_ce = _generate(_toy_score, sources, torch.tensor([0, 1, 0, 1]), list("abcd"), sigma_ce=0.5)
    assert x_ce.min() >= 0
    assert x_ce.max() <= 1
    assert x_ce.dtype == torch.float32


@pytest.mark.parametrize(
    ("sources", "targets", "ids", "message"),
    [
        (torch.full((1, 1, 2, 2), 128.0), [0], ["a"], r"sources must lie in \[0, 1\], got 128 to 128; divide"),
        (torch.full((1, 1, 2, 2), float("nan")), [0], ["a"], r"sources must lie in \[0, 1\], got nan"),
        (torch.zeros(1, 1, 2, 2), [2], ["a"], r"y_target must lie in 0\.\.1, got 2 to 2"),
        (torch.zeros(1, 1, 2, 2), [-1], ["a"], r"y_target must lie in 0\.\.1, got -1"),
        (torch.zeros(2, 1, 2, 2), [0, 1], ["a"], "got 2 sources, 2 targets, 1 ids"),
    ],
)
def test_mistakes_are_named(sources: Tensor, targets: list[int], ids: list[str], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        _generate(_toy_score, sources, torch.tensor(targets), ids)
