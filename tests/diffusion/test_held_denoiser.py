"""Fewer evaluations of the network: exact where its denoised image is linear in half-log-SNR, and counted."""

import pytest
import torch
from torch import Tensor

from advgen_ray.diffusion.held_denoiser import HeldDenoiser
from advgen_ray.diffusion.samplers import ancestral
from advgen_ray.diffusion.solvers import dpm_solver_sde
from advgen_ray.diffusion.vp_sde import VPSDE, log_snr_times, per_image
from advgen_ray.rng import Stream

SDE = VPSDE()
Y = torch.zeros(4, dtype=torch.int64)


class Counted:
    """The score of a denoised image ``offset + slope * lambda``, whatever x is."""

    def __init__(self, slope: float) -> None:
        self.slope, self.times = slope, []

    def __call__(self, x_t: Tensor, t: Tensor, y: Tensor) -> Tensor:
        self.times.append(float(t[0]))
        alpha, sigma = SDE.alpha(t), SDE.sigma(t)
        denoised = 0.3 + self.slope * per_image((alpha / sigma).log(), x_t)
        return (per_image(alpha, x_t) * denoised - x_t) / per_image(sigma**2, x_t)


def _walk(score: object, sampler: object = ancestral, num_steps: int = 24) -> Tensor:
    stream = Stream(0, "test")

    def noise(step: int) -> Tensor:
        return stream.normal(range(4), (1, 3, 3), step)

    return sampler(score, noise(-1 % 999), Y, log_snr_times(num_steps, SDE, 0.5), noise, SDE)  # type: ignore[operator]


@pytest.mark.parametrize("sampler", [ancestral, dpm_solver_sde])
@pytest.mark.parametrize("every", [1, 2, 4])
def test_the_network_is_evaluated_at_every_nth_step(sampler: object, every: int) -> None:
    score = Counted(0.1)
    _walk(HeldDenoiser(score, every, SDE), sampler)
    times = log_snr_times(24, SDE, 0.5)[:-1:every].tolist()
    assert score.times == pytest.approx(times)


def test_evaluating_always_changes_no_bit() -> None:
    assert torch.equal(_walk(HeldDenoiser(Counted(0.1), 1, SDE)), _walk(Counted(0.1)))


def test_a_constant_denoised_image_is_carried_on_exactly() -> None:
    torch.testing.assert_close(_walk(HeldDenoiser(Counted(0.0), 6, SDE)), _walk(Counted(0.0)), atol=1e-5, rtol=0)


def test_a_linear_one_is_exact_from_the_second_evaluation_on() -> None:
    score = Counted(0.05)
    held, times = HeldDenoiser(score, 4, SDE), log_snr_times(24, SDE, 0.5)[:-1]
    x = torch.randn(4, 1, 3, 3, generator=torch.Generator().manual_seed(0))
    for step, t in enumerate(times.tolist()):
        found, exact = held(x, torch.full((4,), t), Y), Counted(0.05)(x, torch.full((4,), t), Y)
        if step % 4 == 0 or step > 4:
            torch.testing.assert_close(found, exact, rtol=1e-3, atol=1e-3)
    first = HeldDenoiser(score, 4, SDE)
    first(x, torch.full((4,), float(times[0])), Y)
    far = first(x, torch.full((4,), float(times[1])), Y)
    assert (far - Counted(0.05)(x, torch.full((4,), float(times[1])), Y)).abs().max() > 1e-3  # a constant until then


def test_nothing_is_carried_on_beyond_one_gap() -> None:
    held = HeldDenoiser(Counted(0.05), 3, SDE)
    x, times = torch.zeros(1, 1, 1, 1), [0.5, 0.49, 0.48, 0.4, 0.1, 1e-3]
    for t in times:
        score = held(x, torch.tensor([t]), Y[:1])
    alpha, sigma = float(SDE.alpha(torch.tensor(1e-3))), float(SDE.sigma(torch.tensor(1e-3)))
    lam = [float((SDE.alpha(torch.tensor(t)) / SDE.sigma(torch.tensor(t))).log()) for t in (0.5, 0.4)]
    denoised = 0.3 + 0.05 * (2 * lam[1] - lam[0])
    assert score.item() * sigma**2 / alpha == pytest.approx(denoised, rel=1e-4)


def test_evaluating_never_is_refused() -> None:
    with pytest.raises(ValueError, match="every must be at least 1, got 0"):
        HeldDenoiser(Counted(0.0), 0, SDE)


def test_the_score_is_asked_for_the_labels() -> None:
    asked: list[torch.Tensor] = []

    def score(x_t: torch.Tensor, t: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        asked.append(y)
        return -x_t

    HeldDenoiser(score, 2, SDE)(torch.zeros(4, 1, 1, 1), torch.full((4,), 0.5), Y)
    assert torch.equal(asked[0], Y)
