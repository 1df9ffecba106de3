"""DVCE: the cone projection against its geometry, and the guided diffusion on toys with known answers."""

import math
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from advgen_ray.counterfactuals.dvce import cone_projection, dvce
from advgen_ray.diffusion.samplers import ancestral, ancestral_steps
from advgen_ray.diffusion.vp_sde import VPSDE, per_image, quadratic_times
from advgen_ray.rng import Stream

SDE = VPSDE()
IDS = ["a", "b", "c"]
STREAM = Stream(0, "counterfactual")
TIMES = quadratic_times(20, first_time=0.5)


def _score(x_t: Tensor, t: Tensor, y: Tensor) -> Tensor:
    """Of pixels N(0, 0.5^2), whatever the label."""
    alpha, sigma = per_image(SDE.alpha(t), x_t), per_image(SDE.sigma(t), x_t)
    return -x_t / ((alpha * 0.5) ** 2 + sigma**2)


class Brightness(nn.Module):
    """Class 1 where the image is bright, class 0 where it is dark."""

    def forward(self, x: Tensor) -> Tensor:
        s = (x - 0.5).flatten(1).sum(1)
        return torch.stack([-s, s], dim=1)


def _noise(ids: list[str]) -> Any:
    return lambda step: STREAM.normal(ids, (1, 8, 8), step)


def _dvce(sources: Tensor, y: Tensor, ids: list[str] = IDS, **changes: Any) -> Tensor:
    return dvce(_score, Brightness(), sources, y, TIMES, _noise(ids), SDE, null_label=2, **changes)


SOURCES = torch.rand(3, 1, 8, 8, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize(("angle", "expected"), [(10, 1.0), (30, 1.0), (75, math.cos(math.pi / 4)), (130, 0.0)])
def test_cone_projection_at_known_angles(angle: float, expected: float) -> None:
    axis, turn = torch.tensor([[2.0, 0.0, 0.0]]), math.radians(angle)
    gradient = torch.tensor([[math.cos(turn), math.sin(turn), 0.0]])
    projected = cone_projection(gradient, axis, math.radians(30))
    assert projected.norm().item() == pytest.approx(expected, abs=1e-6)
    if angle <= 30:
        torch.testing.assert_close(projected, gradient)
    if angle == 75:  # on the surface, in the plane of both
        assert math.degrees(math.atan2(projected[0, 1].item(), projected[0, 0].item())) == pytest.approx(30, abs=1e-4)


def test_nothing_in_the_cone_is_nearer_than_the_projection() -> None:
    generator = torch.Generator().manual_seed(1)
    gradient, axis = torch.randn(20, 5, generator=generator), torch.randn(20, 5, generator=generator)
    projected = cone_projection(gradient, axis, math.radians(30))
    torch.testing.assert_close(cone_projection(projected, axis, math.radians(30)), projected, atol=1e-5, rtol=0)
    other = cone_projection(torch.randn(500, 20, 5, generator=generator).view(-1, 5), axis.repeat(500, 1), 0.5)
    scaled = other * torch.rand(len(other), 1, generator=generator) * 2
    nearest = (gradient - projected).norm(dim=1).repeat(500)
    assert ((gradient.repeat(500, 1) - scaled).norm(dim=1) >= nearest - 1e-5).all()


def test_without_an_axis_there_is_no_cone() -> None:
    gradient = torch.randn(4, 5)
    torch.testing.assert_close(cone_projection(gradient, torch.zeros(4, 5), 0.5), gradient)


def test_without_weights_it_is_the_ancestral_sampler_from_the_diffused_source() -> None:
    y, noise = torch.zeros(3, dtype=torch.int64), _noise(IDS)
    start = float(SDE.alpha(TIMES[0])) * (2 * SOURCES - 1) + float(SDE.sigma(TIMES[0])) * noise(0)
    expected = ancestral(_score, start, y, TIMES, lambda step: noise(step + 1), SDE)
    found = _dvce(SOURCES, y, classifier_weight=0.0, distance_weight=0.0)
    torch.testing.assert_close(found, ((expected + 1) / 2).clamp(0, 1), atol=1e-6, rtol=0)


def test_the_classifier_leads_and_the_distance_holds() -> None:
    dark, bright = torch.zeros(3, dtype=torch.int64), torch.ones(3, dtype=torch.int64)
    towards_dark, towards_bright = _dvce(SOURCES, dark), _dvce(SOURCES, bright)
    assert (towards_bright.flatten(1).mean(1) > towards_dark.flatten(1).mean(1) + 0.01).all()
    free = _dvce(SOURCES, bright, distance_weight=0.0)
    held = _dvce(SOURCES, bright, distance_weight=2.0)
    assert ((held - SOURCES).abs().flatten(1).sum(1) < (free - SOURCES).abs().flatten(1).sum(1)).all()


class Corner(nn.Module):
    """Looks at one pixel alone, as a standard classifier's gradients look at few."""

    def forward(self, x: Tensor) -> Tensor:
        s = 10 * (x[:, 0, 0, 0] - 0.5)
        return torch.stack([-s, s], dim=1)


def test_a_robust_classifier_turns_the_gradients() -> None:
    y = torch.ones(3, dtype=torch.int64)
    settings: dict[str, Any] = {"null_label": 2, "distance_weight": 0.0, "classifier_weight": 0.5}
    alone = dvce(_score, Corner(), SOURCES, y, TIMES, _noise(IDS), SDE, **settings)
    coned = dvce(_score, Corner(), SOURCES, y, TIMES, _noise(IDS), SDE, cone_classifier=Brightness(), **settings)
    others = (slice(None), 0, slice(1, None), slice(None))
    assert (coned[others].mean() - alone[others].mean()).item() > 0.005  # now every pixel brightens


def test_the_batch_decides_nothing() -> None:
    y = torch.tensor([0, 1, 1])
    together = _dvce(SOURCES, y, cone_classifier=Corner())
    alone = [_dvce(SOURCES[i : i + 1], y[i : i + 1], [IDS[i]], cone_classifier=Corner()) for i in range(3)]
    torch.testing.assert_close(together, torch.cat(alone), atol=1e-5, rtol=0)
    assert together.min() >= 0
    assert together.max() <= 1


def test_a_step_moves_by_the_variance_times_the_norm_of_the_mean() -> None:
    """One step before the last, by hand: a classifier whose gradient is the same everywhere, and no distance."""
    times = torch.tensor([0.5, 0.2, 0.0])
    zero = torch.zeros(3, 1, 8, 8)
    seen = []

    def score(x_t: Tensor, t: Tensor, y: Tensor) -> Tensor:
        seen.append(x_t.detach())
        return -x_t

    y = torch.ones(3, dtype=torch.long)
    common = {"null_label": 2, "distance_weight": 0.0, "classifier_weight": 0.3}
    dvce(score, Brightness(), SOURCES, y, times, lambda step: zero, SDE, **common)  # type: ignore[arg-type]
    keep, pull, deviation = (values.tolist() for values in ancestral_steps(times, SDE))
    mean = keep[0] * seen[0] - pull[0] * seen[0]
    norm = mean.flatten(1).norm(dim=1).view(-1, 1, 1, 1)
    expected = mean + deviation[0] ** 2 * norm * 0.3 / 8  # of 64 pixels, each gets an eighth of a unit
    torch.testing.assert_close(seen[1], expected)


def test_what_a_classifier_sees_is_an_image() -> None:
    class Checked(Brightness):
        def forward(self, x: Tensor) -> Tensor:
            assert 0 <= float(x.min()) <= float(x.max()) <= 1
            return super().forward(x)

    bright = torch.ones(3, 1, 8, 8)
    y = torch.ones(3, dtype=torch.long)
    dvce(_score, Checked(), bright, y, TIMES, _noise(IDS), SDE, null_label=2, classifier_weight=2.0)
