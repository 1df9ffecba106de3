"""Second-order solvers on Gaussian data: the order that they promise, their answers, and what they ask for."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from advgen_ray.diffusion.samplers import Sampler, ancestral
from advgen_ray.diffusion.solvers import dpm_solver_ode, dpm_solver_sde, heun
from advgen_ray.diffusion.vp_sde import VPSDE, linear_times, log_snr_times, per_image
from tests.diffusion.gaussian import SDE, gaussian_score

MEAN, DEVIATION = 0.4, 0.3
SOLVERS = [dpm_solver_ode, dpm_solver_sde, heun]


def _noise(num: int) -> Callable[[int], Tensor]:
    generator = torch.Generator().manual_seed(0)
    return lambda step: torch.randn(num, 1, 1, 1, generator=generator, dtype=torch.float64)


def _walk(solver: Sampler, times: Tensor, deviation: float = DEVIATION, num: int = 10) -> Tensor:
    noise = _noise(num)
    return solver(gaussian_score(MEAN, deviation), noise(-1), torch.zeros(num).long(), times, noise, SDE)


@pytest.mark.parametrize(("solver", "tolerance"), [(dpm_solver_ode, 0.01), (dpm_solver_sde, 0.01), (heun, 0.02)])
def test_gaussian_data_come_back_in_20_steps(solver: Sampler, tolerance: float) -> None:
    x = _walk(solver, log_snr_times(20, SDE), num=20_000)
    assert float(x.mean()) == pytest.approx(MEAN, abs=0.01)
    assert float(x.std()) == pytest.approx(DEVIATION, abs=tolerance)


@pytest.mark.parametrize("solver", [dpm_solver_ode, heun])
def test_twice_the_steps_leave_a_quarter_of_the_error(solver: Sampler) -> None:
    """The flow of Gaussian data is known: it keeps x in units of the deviation of its time."""
    end = torch.tensor([1e-2], dtype=torch.float64)
    start = _noise(10)(-1)
    one = torch.ones(1, dtype=torch.float64)
    deviations = [torch.hypot(SDE.alpha(t) * DEVIATION, SDE.sigma(t)) for t in (one, end)]
    exact = SDE.alpha(end) * MEAN + deviations[1] / deviations[0] * (start - SDE.alpha(one) * MEAN)

    def error(num_steps: int) -> float:
        times = log_snr_times(num_steps + 1, SDE, last_time=float(end))[:-1]
        score_fn, y = gaussian_score(MEAN, DEVIATION), torch.zeros(10).long()
        # Every solver's last step only denoises, so one to a neighboring time is added and is next to nothing.
        times = torch.cat([times, times[-1:] * (1 - 1e-9)])
        return float((solver(score_fn, start, y, times, lambda step: start, SDE) - exact).abs().max())

    assert error(160) < error(80) / 3.4 < error(40) / 3.4**2


@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize("num_steps", [1, 2, 7])
def test_a_single_point_is_found_at_any_number_of_steps(solver: Sampler, num_steps: int) -> None:
    x = _walk(solver, linear_times(num_steps), deviation=0.0)
    torch.testing.assert_close(x, torch.full_like(x, MEAN), rtol=0, atol=1e-6)


def test_the_stochastic_solver_begins_and_ends_as_the_ancestral_sampler() -> None:
    """Its first step has nothing to extrapolate from, its last one does not."""
    for times in (linear_times(1), linear_times(2)):
        ours, theirs = _walk(dpm_solver_sde, times), _walk(ancestral, times)
        torch.testing.assert_close(ours, theirs, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize(("solver", "asked"), [(dpm_solver_ode, []), (heun, []), (dpm_solver_sde, [0, 1, 2])])
def test_who_asks_for_noise_and_how_often_for_the_score(solver: Sampler, asked: list[int]) -> None:
    steps, evaluations = [], []

    def noise_fn(step: int) -> Tensor:
        steps.append(step)
        return torch.zeros(1, 1, 2, 2)

    def score_fn(x_t: Tensor, t: Tensor, y: Tensor) -> Tensor:
        evaluations.append(float(t[0]))
        return -x_t

    solver(score_fn, torch.ones(1, 1, 2, 2), torch.tensor([3]), linear_times(4), noise_fn, SDE)
    assert steps == asked
    assert evaluations == ([1.0, 0.75, 0.75, 0.5, 0.5, 0.25, 0.25] if solver is heun else [1.0, 0.75, 0.5, 0.25])


@pytest.mark.parametrize("solver", SOLVERS)
def test_times_that_rise_are_refused(solver: Sampler) -> None:
    with pytest.raises(ValueError, match="times must fall strictly"):
        _walk(solver, linear_times(3).flip(0))


@pytest.mark.parametrize("sde", [SDE, VPSDE(5.0, 5.0), VPSDE(0.1, 40.0)])
def test_times_are_found_from_their_log_snr(sde: VPSDE) -> None:
    times = torch.tensor([1e-5, 1e-3, 0.3, 1.0], dtype=torch.float64)
    torch.testing.assert_close(sde.time_of(sde.log_snr(times)), times, rtol=1e-9, atol=0)
    grid = log_snr_times(12, sde)
    assert len(grid) == 13
    assert (float(grid[0]), float(grid[-1])) == (1.0, 0.0)
    gaps = sde.log_snr(grid[:-1]).diff()
    torch.testing.assert_close(gaps, gaps[:1].expand_as(gaps), rtol=1e-6, atol=0)


@pytest.mark.parametrize("solver", SOLVERS)
def test_the_score_is_asked_for_the_labels_given(solver: Sampler) -> None:
    y, asked = torch.tensor([3, 1]), []

    def score_fn(x_t: Tensor, t: Tensor, labels: Tensor) -> Tensor:
        asked.append(labels)
        return gaussian_score(MEAN, DEVIATION)(x_t, t, labels)

    noise = _noise(2)
    solver(score_fn, noise(-1), y, log_snr_times(4, SDE), noise, SDE)
    assert asked
    assert all(labels is y for labels in asked)


def test_steps_of_unequal_length_are_extrapolated_by_their_ratio() -> None:
    """A denoised image that is linear in lambda is met in the middle of every step, however long the last one was."""
    times = torch.tensor([1.0, 0.93, 0.6, 0.55, 0.2, 0.0], dtype=torch.float64)
    alpha, sigma, lamb = SDE.alpha(times), SDE.sigma(times), SDE.log_snr(times) / 2
    seen = []

    def score_fn(x_t: Tensor, t: Tensor, y: Tensor) -> Tensor:
        seen.append(x_t)
        denoised = per_image(0.3 + 0.2 * SDE.log_snr(t) / 2, x_t)
        return (per_image(SDE.alpha(t), x_t) * denoised - x_t) / per_image(SDE.sigma(t) ** 2, x_t)

    x = _noise(3)(-1)
    dpm_solver_ode(score_fn, x, torch.zeros(3).long(), times, lambda step: x, SDE)
    for step in range(4):  # the last one forgets where it came from
        torch.testing.assert_close(seen[step], x)
        h = lamb[step + 1] - lamb[step]
        at = lamb[step] + (h / 2 if step else 0.0)
        x = sigma[step + 1] / sigma[step] * x - alpha[step + 1] * torch.expm1(-h) * (0.3 + 0.2 * at)
    torch.testing.assert_close(seen[4], x)
