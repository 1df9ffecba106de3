"""The schedule: closed forms, precision near t = 0, agreement with a simulated SDE; the time grids."""

from collections.abc import Callable
from functools import partial

import pytest
import torch
from scipy.integrate import quad

from advgen_ray.diffusion.vp_sde import VPSDE, linear_times, log_snr_times, per_image, quadratic_times

SDE = VPSDE(beta_min=0.1, beta_max=20.0)
TIMES = torch.tensor([1e-5, 1e-3, 0.1, 0.5, 1.0], dtype=torch.float64)


def test_alpha_and_sigma_are_a_rotation() -> None:
    t = torch.linspace(0, 1, 101)
    alpha, sigma = SDE.alpha(t), SDE.sigma(t)
    assert alpha.dtype == sigma.dtype == torch.float64
    torch.testing.assert_close(alpha**2 + sigma**2, torch.ones_like(alpha), rtol=0, atol=1e-15)


def test_log_alpha_integrates_beta() -> None:
    for t in TIMES:
        integral, _ = quad(lambda s: float(SDE.beta(torch.tensor(s, dtype=torch.float64))), 0, float(t), epsabs=1e-14)
        assert float(SDE.log_alpha(t)) == pytest.approx(-integral / 2, rel=1e-10)


def test_sigma_keeps_its_digits_where_alpha_squared_rounds_to_one() -> None:
    t = torch.tensor([1e-14, 1e-10], dtype=torch.float64)
    torch.testing.assert_close(SDE.sigma(t), (0.1 * t).sqrt(), rtol=1e-6, atol=0)


def test_log_snr_falls_and_is_the_log_ratio() -> None:
    log_snr = SDE.log_snr(TIMES)
    torch.testing.assert_close(log_snr.exp(), SDE.alpha(TIMES) ** 2 / SDE.sigma(TIMES) ** 2)
    assert (log_snr.diff() < 0).all()


def test_marginal_of_the_simulated_sde() -> None:
    """Euler steps of the forward SDE from one point reach N(alpha x_0, sigma^2) at every time looked at."""
    generator = torch.Generator().manual_seed(0)
    x = torch.full((40_000,), 1.5, dtype=torch.float64)
    grid = torch.linspace(0, 1, 501, dtype=torch.float64)
    for step, (t, dt) in enumerate(zip(grid[:-1], grid.diff(), strict=True)):
        beta = SDE.beta(t + dt / 2)
        x = x - beta / 2 * x * dt + (beta * dt).sqrt() * torch.randn(x.shape, generator=generator, dtype=x.dtype)
        if step in (49, 199, 499):
            assert float(x.mean()) == pytest.approx(1.5 * float(SDE.alpha(t + dt)), abs=0.02)
            assert float(x.std()) == pytest.approx(float(SDE.sigma(t + dt)), abs=0.02)


def test_linear_times_of_the_paper_are_score_sdes_thousand_points() -> None:
    times = linear_times(1000)
    torch.testing.assert_close(times[:-1], torch.linspace(1, 1e-3, 1000, dtype=torch.float64), rtol=0, atol=1e-12)
    assert len(times) == 1001
    assert times[-1] == 0


@pytest.mark.parametrize("num_steps", [1, 2, 25, 1000])
def test_grids_fall_from_one_to_zero(num_steps: int) -> None:
    for grid in (linear_times, quadratic_times):
        times = grid(num_steps)
        assert times.shape == (num_steps + 1,)
        assert times[0] == 1
        assert times[-1] == 0
        assert (times.diff() < 0).all()


def test_quadratic_times_are_dense_near_zero() -> None:
    times = quadratic_times(50)
    torch.testing.assert_close(times[:-1].sqrt().diff(), times[:-1].sqrt().diff()[:1].expand(49))
    assert float(times[-2]) == pytest.approx(1e-3)


def test_per_image_multiplies_images() -> None:
    x = torch.ones(2, 3, 4, 5)
    scaled = per_image(torch.tensor([2.0, 3.0], dtype=torch.float64), x) * x
    assert scaled.dtype == torch.float32
    assert scaled[:, 0, 0, 0].tolist() == [2.0, 3.0]


def test_mistakes_are_named() -> None:
    with pytest.raises(ValueError, match=r"0 < beta_min <= beta_max, got 20 and 0\.1"):
        VPSDE(beta_min=20, beta_max=0.1)
    with pytest.raises(ValueError, match="num_steps must be at least 1, got 0"):
        linear_times(0)


@pytest.mark.parametrize("make", [linear_times, quadratic_times, partial(log_snr_times, sde=VPSDE())])
def test_times_may_set_out_earlier_than_one(make: Callable[..., torch.Tensor]) -> None:
    times = make(8, first_time=0.4)
    assert times[0] == pytest.approx(0.4, abs=1e-12)
    assert times[-1] == 0
    assert (times[1:] < times[:-1]).all()
    for wrong in (0.0, 1.1):
        with pytest.raises(ValueError, match="first_time must lie above"):
            make(8, first_time=wrong)
