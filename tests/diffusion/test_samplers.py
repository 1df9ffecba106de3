"""Both samplers on Gaussian data, whose exact score and whose answer are known; what they ask of their arguments."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from advgen_ray.diffusion.samplers import Sampler, ancestral, euler_maruyama
from advgen_ray.diffusion.vp_sde import linear_times, quadratic_times
from tests.diffusion.gaussian import SDE, gaussian_score

MEAN, DEVIATION = 0.4, 0.3


def _noise(num: int) -> Callable[[int], Tensor]:
    generator = torch.Generator().manual_seed(0)
    return lambda step: torch.randn(num, 1, 1, 1, generator=generator)


def _sample(sampler: Sampler, times: Tensor, num: int = 20_000) -> Tensor:
    noise = _noise(num)
    y = torch.zeros(num, dtype=torch.int64)
    return sampler(gaussian_score(MEAN, DEVIATION), noise(-1), y, times, noise, SDE)


@pytest.mark.parametrize(
    ("sampler", "times", "tolerance"),
    [
        (euler_maruyama, linear_times(1000), 0.01),
        (ancestral, linear_times(1000), 0.01),
        (ancestral, quadratic_times(250), 0.01),
        (ancestral, quadratic_times(40), 0.03),
    ],
)
def test_gaussian_data_come_back_with_their_mean_and_deviation(
    sampler: Sampler, times: Tensor, tolerance: float
) -> None:
    x = _sample(sampler, times)
    assert float(x.mean()) == pytest.approx(MEAN, abs=tolerance)
    assert float(x.std()) == pytest.approx(DEVIATION, abs=tolerance)


@pytest.mark.parametrize("num_steps", [1, 2, 7])
def test_ancestral_is_exact_at_any_number_of_steps_for_a_single_point(num_steps: int) -> None:
    """Data at one point: the denoised image is that point at every time, so no discretisation error is left."""
    noise = _noise(10)
    x = ancestral(gaussian_score(MEAN, 0.0), noise(-1), torch.zeros(10).long(), linear_times(num_steps), noise, SDE)
    torch.testing.assert_close(x, torch.full_like(x, MEAN), rtol=0, atol=1e-4)


def test_ancestral_walk_keeps_the_marginal_of_a_single_point() -> None:
    """Stopped at t = 0.3 it has the mean alpha x_0 and, one step before its noiseless last, the variance of b_t."""
    times = torch.tensor([1.0, 0.7, 0.4, 0.3999999], dtype=torch.float64)
    num = 40_000
    noise = _noise(num)
    x = ancestral(gaussian_score(MEAN, 0.0), noise(-1), torch.zeros(num).long(), times, noise, SDE)
    assert float(x.mean()) == pytest.approx(MEAN * float(SDE.alpha(times[2])), abs=0.015)
    assert float(x.std()) == pytest.approx(float(SDE.sigma(times[2])), abs=0.015)


def test_euler_maruyama_is_the_predictor_of_score_sde() -> None:
    """Its printed form: drift f - g^2 score over dt = -1/N, noise g sqrt(-dt), the last mean without noise."""
    num_steps = 1000
    noise = [torch.randn(2, 1, 3, 3, generator=torch.Generator().manual_seed(k), dtype=torch.float64) for k in range(5)]
    score_fn, y = gaussian_score(MEAN, DEVIATION), torch.zeros(2).long()
    x = noise[0]
    for t in torch.linspace(1, 1e-3, num_steps, dtype=torch.float64):
        beta = 0.1 + t * 19.9
        drift = -0.5 * beta * x - beta * score_fn(x, t.expand(2), y)
        mean = x + drift * (-1 / num_steps)
        x = mean + (beta / num_steps).sqrt() * noise[round(float(t) * 1e4) % 5]
    times = linear_times(num_steps)
    ours = euler_maruyama(score_fn, noise[0], y, times, lambda step: noise[round(float(times[step]) * 1e4) % 5], SDE)
    torch.testing.assert_close(ours, mean, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("sampler", [euler_maruyama, ancestral])
def test_noise_is_asked_for_by_step_and_never_for_the_last(sampler: Sampler) -> None:
    asked = []

    def noise_fn(step: int) -> Tensor:
        asked.append(step)
        return torch.zeros(1, 1, 2, 2)

    seen = []

    def score_fn(x_t: Tensor, t: Tensor, y: Tensor) -> Tensor:
        seen.append((float(t[0]), int(y[0])))
        return -x_t

    sampler(score_fn, torch.ones(1, 1, 2, 2), torch.tensor([3]), linear_times(4), noise_fn, SDE)
    assert asked == [0, 1, 2]
    assert seen == [(1.0, 3), (0.75, 3), (0.5, 3), (0.25, 3)]


def test_start_is_left_as_it_was() -> None:
    x_T = torch.ones(1, 1, 2, 2)
    ancestral(lambda x_t, t, y: -x_t, x_T, torch.tensor([0]), linear_times(3), lambda step: x_T, SDE)
    assert (x_T == 1).all()


def test_times_that_rise_are_refused() -> None:
    with pytest.raises(ValueError, match="times must fall strictly"):
        ancestral(
            lambda x_t, t, y: x_t, torch.ones(1, 1, 1, 1), torch.tensor([0]), linear_times(3).flip(0), _noise(1), SDE
        )
