"""Projections stay in ball and box and change nothing twice; starts are uniform; steps have length one."""

import pytest
import torch
from scipy import stats

from advgen_ray.attacks.threat_model import L1, L2, Ball, Linf, Unconstrained

SHAPES = [(1, 8, 8), (3, 32, 32)]
BALLS = [L1(0.05), L1(5.0), L1(50.0), L2(1e-3), L2(0.05), L2(0.5), L2(3.0), Linf(1e-3), Linf(8 / 255), Linf(0.3)]
ORDERS = {L1: 1, L2: 2, Linf: torch.inf}


def _normal(*shape: int, seed: int) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def _images(num_images: int, *shape: int) -> torch.Tensor:
    """Uniform images with some elements exactly on the faces of the box, as real ones have."""
    images = torch.rand(num_images, *shape, generator=torch.Generator().manual_seed(0))
    return images.where(images < 0.9, 1.0).where(images > 0.1, 0.0)


def _norm64(ball: Ball, delta: torch.Tensor) -> torch.Tensor:
    return torch.linalg.vector_norm(delta.flatten(1), ORDERS[type(ball)], dim=1)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("ball", BALLS)
@pytest.mark.parametrize("spread", [1e-4, 0.1, 5.0])
def test_projection_lies_in_ball_and_box(ball: Ball, shape: tuple[int, ...], spread: float) -> None:
    x = _images(64, *shape)
    x_adv = ball.project(x + spread * _normal(64, *shape, seed=1), x)
    rounding = 6e-8 if isinstance(ball, Linf) else 0.0
    assert x_adv.dtype == torch.float32
    assert (_norm64(ball, x_adv.double() - x.double()) <= ball.eps * (1 + 1e-6) + rounding).all()
    assert ((x_adv >= 0) & (x_adv <= 1)).all()


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("eps", [1e-4, 1e-3, 0.05, 0.5])
def test_rounding_the_sum_does_not_leave_the_l2_ball(eps: float, shape: tuple[int, ...]) -> None:
    """Where the box does not shorten anything, a rescaled perturbation added to an image rounds out of the ball."""
    x = 0.6 + 0.1 * torch.rand(256, *shape, generator=torch.Generator().manual_seed(0))
    delta = 0.01 * _normal(256, *shape, seed=1)
    x_adv = L2(eps).project(x + delta, x)
    norm = _norm64(L2(eps), x_adv.double() - x.double())
    outside = delta.flatten(1).norm(dim=1) > eps
    assert (norm <= eps * (1 + 1e-6)).all()
    assert (norm[outside] >= eps * (1 - 1e-5) - 4e-6).all()
    assert torch.equal(L2(eps).project(x_adv, x), x_adv)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("threat_model", [*BALLS, Unconstrained()])
def test_projecting_twice_is_projecting_once(threat_model: Ball | Unconstrained, shape: tuple[int, ...]) -> None:
    x = _images(64, *shape)
    once = threat_model.project(x + _normal(64, *shape, seed=1), x)
    assert torch.equal(threat_model.project(once, x), once)


@pytest.mark.parametrize("ball", [L2(0.5), Linf(0.2)])
def test_projection_of_a_far_point_is_on_the_surface_and_in_its_direction(ball: Ball) -> None:
    x = torch.full((8, 1, 8, 8), 0.5)
    delta = _normal(8, 1, 8, 8, seed=1)
    projected = ball.project(x + delta, x) - x
    expected = delta * (0.5 / delta.flatten(1).norm(dim=1)).view(-1, 1, 1, 1)
    if isinstance(ball, Linf):
        expected = delta.clamp(-0.2, 0.2)
    assert torch.allclose(projected, expected, atol=2e-6)


@pytest.mark.parametrize("threat_model", [*BALLS, Unconstrained()])
def test_a_point_inside_is_left_alone(threat_model: Ball | Unconstrained) -> None:
    x = _images(16, 1, 8, 8)
    x_adv = (x + 1e-5 * _normal(16, 1, 8, 8, seed=1)).clamp(0, 1)
    assert torch.equal(threat_model.project(x_adv, x), x_adv)


@pytest.mark.parametrize("ball", [L1(0.0), L2(0.0), Linf(0.0)])
def test_eps_zero_gives_the_image(ball: Ball) -> None:
    x = _images(16, 3, 32, 32)
    noise = _normal(16, 3, 32, 32, seed=1)
    assert torch.equal(ball.project(x + noise, x), x)
    assert torch.equal(ball.random_start(x, noise), x)
    assert torch.equal(ball.surface_start(x, noise), x)


@pytest.mark.parametrize("ball", [L1(0.4), L2(0.4), Linf(0.4)])
@pytest.mark.parametrize("noise_of_first", [0.0, 1e-20])
def test_without_noise_a_sample_starts_at_its_image(ball: Ball, noise_of_first: float) -> None:
    x, noise = torch.full((2, 3, 8, 8), 0.5), _normal(2, 3, 8, 8, seed=1)
    noise[0] = noise_of_first
    start = ball.random_start(x, noise)
    assert torch.equal(start[0], x[0])
    assert torch.equal(start[1:], ball.random_start(x[1:], noise[1:]))
    assert not torch.equal(start[1], x[1])


def test_l2_start_is_uniform_in_the_ball() -> None:
    num_elements = 12
    x = torch.full((4000, 3, 2, 2), 0.5)
    delta = (L2(0.4).random_start(x, _normal(4000, 3, 2, 2, seed=2)) - x).flatten(1).double()
    radius = delta.norm(dim=1) / 0.4
    assert stats.kstest(radius.numpy() ** num_elements, "uniform").pvalue > 0.01
    # A coordinate of a uniform direction: (1 + u)/2 is Beta((D-1)/2, (D-1)/2).
    coordinate = (delta[:, 0] / delta.norm(dim=1)).numpy()
    half = (num_elements - 1) / 2
    assert stats.kstest((1 + coordinate) / 2, stats.beta(half, half).cdf).pvalue > 0.01


def test_l2_start_of_a_large_image_is_just_inside_the_sphere() -> None:
    x = torch.full((64, 3, 32, 32), 0.5)
    radius = (L2(0.5).random_start(x, _normal(64, 3, 32, 32, seed=2)) - x).flatten(1).norm(dim=1) / 0.5
    assert radius.max() <= 1 + 1e-6
    assert 0.99 < radius.min() < radius.max()  # the median of u^(1/3072) is 0.9998


def test_linf_start_is_uniform_in_the_cube() -> None:
    x = torch.full((2000, 1, 2, 2), 0.5)
    delta = (Linf(0.1).random_start(x, _normal(2000, 1, 2, 2, seed=2)) - x).flatten()
    assert stats.kstest((delta / 0.1).numpy(), stats.uniform(-1, 2).cdf).pvalue > 0.01


@pytest.mark.parametrize("ball", BALLS)
def test_starts_lie_in_ball_and_box(ball: Ball) -> None:
    x = _images(64, 1, 8, 8)
    noise = _normal(64, 1, 8, 8, seed=3)
    for start in (ball.random_start(x, noise), ball.surface_start(x, noise)):
        assert (_norm64(ball, start.double() - x.double()) <= ball.eps * (1 + 1e-6) + 6e-8).all()
        assert ((start >= 0) & (start <= 1)).all()


@pytest.mark.parametrize("ball", [L1(0.4), L2(0.4), Linf(0.4)])
def test_the_surface_start_is_as_far_as_the_ball_reaches(ball: Ball) -> None:
    x = torch.full((16, 1, 8, 8), 0.5)
    noise = _normal(16, 1, 8, 8, seed=3)
    start = ball.surface_start(x, noise)
    assert torch.allclose(_norm64(ball, start - x), torch.full((16,), 0.4), atol=1e-5)
    if not isinstance(ball, Linf):
        return
    uniform = (noise / 2**0.5).erf()
    assert torch.allclose(start - x, 0.4 * uniform / uniform.flatten(1).abs().amax(1).view(-1, 1, 1, 1), atol=1e-6)


def test_l1_start_is_uniform_in_the_ball() -> None:
    num_elements = 12
    x = torch.full((4000, 3, 2, 2), 0.5, dtype=torch.float64)
    delta = (L1(0.4).random_start(x, _normal(4000, 3, 2, 2, seed=2)) - x).flatten(1)
    radius = delta.abs().sum(dim=1) / 0.4
    assert stats.kstest(radius.numpy() ** num_elements, "uniform").pvalue > 0.01
    # A coordinate of a uniform point of the simplex is Beta(1, D - 1), and its sign is fair.
    share = delta[:, 0] / delta.abs().sum(dim=1)
    assert stats.kstest(share.abs().numpy(), stats.beta(1, num_elements - 1).cdf).pvalue > 0.01
    assert stats.binomtest(int((share > 0).sum()), len(share)).pvalue > 0.01


@pytest.mark.parametrize("scale", [1e-38, 1e-25, 1.0, 1e30])
@pytest.mark.parametrize("threat_model", [L2(1.0), Unconstrained()])
def test_l2_step_has_length_one_at_any_scale(threat_model: L2 | Unconstrained, scale: float) -> None:
    direction = _normal(8, 3, 4, 4, seed=4)
    step = threat_model.step(scale * direction, direction)
    assert torch.allclose(step.flatten(1).norm(dim=1), torch.ones(8), atol=1e-6)
    assert torch.allclose(step, threat_model.step(direction, direction), atol=1e-6)


@pytest.mark.parametrize("threat_model", [L1(1.0, step_share=1.0), L2(1.0), Linf(0.1), Unconstrained()])
def test_step_of_a_zero_gradient_is_zero(threat_model: Ball | Unconstrained) -> None:
    gradient = _normal(3, 1, 4, 4, seed=5)
    gradient[1] = 0
    step = threat_model.step(gradient, torch.full_like(gradient, 0.5))
    assert torch.equal(step[1], torch.zeros(1, 4, 4))
    assert step.isfinite().all()
    assert (step[0] != 0).all()


def test_distances() -> None:
    x = torch.zeros(2, 1, 2, 2)
    x_adv = x.clone()
    x_adv[1] = torch.tensor([[0.3, 0.0], [0.0, 0.4]])
    for threat_model, expected in [(L1(1.0), 0.7), (L2(1.0), 0.5), (Unconstrained(), 0.5), (Linf(1.0), 0.4)]:
        assert torch.allclose(threat_model.distance(x_adv, x), torch.tensor([0.0, expected]))


@pytest.mark.parametrize("geometry", [L1, L2, Linf])
@pytest.mark.parametrize("eps", [-0.03, float("nan"), float("inf")])
def test_a_radius_that_is_no_radius_is_refused(geometry: type[Ball], eps: float) -> None:
    with pytest.raises(ValueError, match=f"eps must be zero or positive and finite, got {eps}"):
        geometry(eps)


def test_eps_in_255_units_is_refused() -> None:
    with pytest.raises(ValueError, match=r"\[0, 1\] pixel units, got 8; divide"):
        Linf(8)


def test_no_random_start_without_a_ball() -> None:
    with pytest.raises(ValueError, match="without start_noise"):
        Unconstrained().random_start(torch.zeros(1, 1, 2, 2), torch.zeros(1, 1, 2, 2))
