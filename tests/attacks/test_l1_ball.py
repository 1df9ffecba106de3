"""The L1 projection against a bisection on its dual and a general solver; sparse steps against their definition."""

import numpy as np
import pytest
import torch
from scipy import optimize
from torch import Tensor

from advgen_ray.attacks.l1_ball import project_l1, sparse_step
from advgen_ray.attacks.threat_model import L1


def _cases(num_cases: int, spread: float, *shape: int) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(0)
    x = torch.rand(num_cases, *shape, generator=generator)
    x = x.where(x < 0.85, 1.0).where(x > 0.15, 0.0)
    return x, x + spread * torch.randn(num_cases, *shape, generator=generator)


def _bisection(x_adv: Tensor, x: Tensor, eps: float) -> Tensor:
    """The same optimality condition, solved without its kinks: ``sum clamp(|v| - t, 0, room)`` falls with ``t``."""
    x, v = x.double().flatten(1), (x_adv.double() - x.double()).flatten(1)
    room = torch.where(v > 0, 1 - x, x)
    low, high = torch.zeros(len(x), 1).double(), torch.full((len(x), 1), 100.0).double()
    for _ in range(80):
        middle = (low + high) / 2
        above = torch.minimum((v.abs() - middle).clamp(min=0), room).sum(1, keepdim=True) > eps
        low, high = torch.where(above, middle, low), torch.where(above, high, middle)
    threshold = torch.where(torch.minimum(v.abs(), room).sum(1, keepdim=True) > eps, high, 0.0)
    return (x + v.sign() * torch.minimum((v.abs() - threshold).clamp(min=0), room)).view_as(x_adv)


@pytest.mark.parametrize("eps", [0.05, 0.5, 1.5, 4.0])
@pytest.mark.parametrize("spread", [0.05, 0.8, 5.0])
def test_projection_solves_the_optimality_condition(eps: float, spread: float) -> None:
    x, x_adv = _cases(200, spread, 1, 3, 4)
    expected = _bisection(x_adv, x, eps)
    assert torch.allclose(project_l1(x_adv.double(), x.double(), eps), expected, atol=1e-12)
    assert torch.allclose(project_l1(x_adv, x, eps).double(), expected, atol=5e-6)


def test_projection_is_the_nearest_point() -> None:
    """Against a general solver of the same problem, perturbation = gain - loss, both between 0 and the box."""
    x, x_adv = _cases(10, 0.8, 1, 2, 3)
    for eps in (0.3, 1.0):
        projected = project_l1(x_adv, x, eps)
        for start, target, found in zip(x.flatten(1).numpy(), x_adv.flatten(1).numpy(), projected, strict=True):
            size = len(start)

            def distance(z: np.ndarray, start=start, target=target, size=size) -> float:  # type: ignore[no-untyped-def]
                return float(((start + z[:size] - z[size:] - target) ** 2).sum())

            solved = optimize.minimize(
                distance,
                np.zeros(2 * size),
                bounds=[*((0, 1 - v) for v in start), *((0, v) for v in start)],
                constraints={"type": "ineq", "fun": lambda z, eps=eps: eps - z.sum()},
                options={"ftol": 1e-12, "maxiter": 500},
            )
            ours = float(((found.flatten().numpy() - target) ** 2).sum())
            assert ours <= solved.fun + 1e-5
            assert ours >= solved.fun - 1e-3


def test_shortening_then_clipping_would_lose_most_of_the_ball() -> None:
    """Why the box has a part in the projection: one pixel takes what the box allows, the others share the rest."""
    x = torch.tensor([[0.9, 0.5, 0.5]])
    x_adv = torch.tensor([[3.9, 0.7, 0.7]])
    assert torch.allclose(project_l1(x_adv, x, 0.3), torch.tensor([[1.0, 0.6, 0.6]]), atol=1e-6)


@pytest.mark.parametrize("shape", [(1, 8, 8), (3, 32, 32)])
@pytest.mark.parametrize("eps", [0.01, 1.0, 12.0])
@pytest.mark.parametrize("spread", [0.01, 1.0])
def test_projected_images_lie_in_the_ball_and_stay_put(shape: tuple[int, ...], eps: float, spread: float) -> None:
    x, x_adv = _cases(64, spread, *shape)
    projected = project_l1(x_adv, x, eps)
    norm = (projected.double() - x.double()).flatten(1).abs().sum(1)
    outside = (x_adv.clamp(0, 1) - x).flatten(1).abs().sum(1) > eps
    assert (norm <= eps * (1 + 1e-6)).all()
    assert (norm[outside] >= eps * (1 - 1e-5) - 2e-4).all()
    assert ((projected >= 0) & (projected <= 1)).all()
    assert torch.equal(project_l1(projected, x, eps), projected)


def test_a_row_is_projected_as_if_alone() -> None:
    x, x_adv = _cases(64, 1.0, 1, 8, 8)
    together = project_l1(x_adv, x, 1.0)
    assert all(torch.equal(project_l1(x_adv[i : i + 1], x[i : i + 1], 1.0)[0], together[i]) for i in range(64))


def test_sparse_step_moves_the_largest_gradients() -> None:
    gradient = torch.tensor([[[[0.1, -0.5], [0.3, 0.0]]]] * 3)
    step = sparse_step(gradient, torch.full_like(gradient, 0.5), torch.tensor([1, 2, 4]))
    assert step[0].flatten().tolist() == [0, -1, 0, 0]
    assert step[1].flatten().tolist() == [0, -0.5, 0.5, 0]
    assert torch.allclose(step[2].flatten(), torch.tensor([1, -1, 1, 0]) / 3)  # a zero gradient does not move


def test_sparse_step_passes_over_what_the_box_stops() -> None:
    gradient = torch.tensor([[0.9, -0.8, 0.3, -0.2]])
    x_adv = torch.tensor([[1.0, 0.0, 0.0, 1.0]])
    assert sparse_step(gradient, x_adv, torch.tensor([1])).tolist() == [[0, 0, 1, 0]]
    assert sparse_step(gradient, 1 - x_adv, torch.tensor([1])).tolist() == [[1, 0, 0, 0]]


def test_the_share_of_an_l1_step() -> None:
    gradient = torch.randn(4, 1, 10, 20, generator=torch.Generator().manual_seed(0))
    for share, num_moved in [(0.001, 1), (0.01, 2), (0.5, 100), (1.0, 200)]:
        step = L1(1.0, share).step(gradient, torch.full_like(gradient, 0.5))
        assert ((step != 0).flatten(1).sum(1) == num_moved).all()
        assert torch.allclose(step.flatten(1).abs().sum(1), torch.ones(4))
    with pytest.raises(ValueError, match=r"step_share must lie in \(0, 1\], got 0"):
        L1(1.0, 0.0)
