"""Projections onto a hyperplane within the box, against linear programs and bisection."""

import math

import numpy as np
import pytest
import torch
from scipy.optimize import brentq, linprog
from torch import Tensor

from advgen_ray.attacks.hyperplane import NORMS, distance_to_hyperplane, step_to_hyperplane, vector_norm


def _shortest(x: np.ndarray, normal: np.ndarray, rise: float, norm: float) -> float:
    """The length of the shortest step, by another method."""
    if norm == 2:
        lagrangian = lambda lam: normal @ np.clip(lam * normal, -x, 1 - x) - rise  # noqa: E731
        root = brentq(lagrangian, -1e6, 1e6, xtol=1e-14, rtol=1e-14)
        return float(np.linalg.norm(np.clip(root * normal, -x, 1 - x)))
    size, one = len(x), np.eye(len(x))
    # Variables: delta, then a bound for each element (L1) or one bound for all (Linf).
    num_bounds = size if norm == 1 else 1
    bound = one if norm == 1 else np.ones((size, 1))
    result = linprog(
        np.r_[np.zeros(size), np.ones(num_bounds)],
        A_ub=np.block([[one, -bound], [-one, -bound]]),
        b_ub=np.zeros(2 * size),
        A_eq=np.r_[normal, np.zeros(num_bounds)][None],
        b_eq=[rise],
        bounds=[*zip(-x, 1 - x, strict=True), *[(0, None)] * num_bounds],
    )
    assert result.success
    return float(result.fun)


def _problems(seed: int = 0) -> tuple[Tensor, Tensor, Tensor]:
    """Two points a normal, some elements at a wall, some normals zero; every hyperplane cuts the box."""
    generator = torch.Generator().manual_seed(seed)
    point = torch.rand(2, 16, 12, generator=generator)
    point[:, :, :3] = point[:, :, :3].round()
    normal = torch.randn(16, 12, generator=generator)
    normal[:, 5] = 0
    inside = torch.rand(2, 16, 12, generator=generator)
    return point, normal, (normal * (inside - point)).sum(dim=-1)


@pytest.mark.parametrize("norm", NORMS)
def test_shortest_step_onto_the_hyperplane_within_the_box(norm: float) -> None:
    point, normal, rise = _problems()
    delta = step_to_hyperplane(point, normal, rise, norm)
    assert torch.allclose((normal * delta).sum(dim=-1), rise, atol=2e-6)
    assert ((point + delta) >= 0).all()
    assert ((point + delta) <= 1 + 1e-6).all()
    expected = [
        [_shortest(p.double().numpy(), n.double().numpy(), float(r), norm) for p, n, r in zip(*row, strict=True)]
        for row in zip(point, (normal, normal), rise, strict=True)
    ]
    assert torch.allclose(vector_norm(delta, norm), torch.tensor(expected).float(), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(("norm", "dual"), [(1.0, math.inf), (2.0, 2.0), (math.inf, 1.0)])
def test_far_from_the_walls_the_step_is_the_distance(norm: float, dual: float) -> None:
    _, normal, rise = _problems()
    rise = rise[0] * 0.01
    delta = step_to_hyperplane(torch.full_like(normal, 0.5), normal, rise, norm)
    expected = rise.abs() / torch.linalg.vector_norm(normal, dual, dim=1)
    assert torch.allclose(vector_norm(delta, norm), expected, rtol=1e-5)
    assert torch.allclose(distance_to_hyperplane(normal, rise, norm), expected, rtol=1e-5)


@pytest.mark.parametrize("norm", NORMS)
def test_an_unreachable_hyperplane_leads_to_the_corner(norm: float) -> None:
    point, normal, _ = _problems()
    for rise in (1e3, math.inf):
        moved = point + step_to_hyperplane(point, normal, torch.full((2, 16), rise), norm)
        assert torch.allclose(moved, torch.where(normal > 0, 1.0, torch.where(normal < 0, 0.0, point)))


@pytest.mark.parametrize("norm", NORMS)
def test_nothing_to_do_or_nowhere_to_go(norm: float) -> None:
    point, normal, rise = _problems()
    assert (step_to_hyperplane(point, normal, torch.zeros_like(rise), norm) == 0).all()
    assert (step_to_hyperplane(point, torch.zeros_like(normal), rise, norm) == 0).all()
    assert distance_to_hyperplane(torch.zeros_like(normal), rise, norm).isinf().all()


@pytest.mark.parametrize("norm", NORMS)
@pytest.mark.parametrize("scale", [1e-30, 1e30])
def test_the_scale_of_the_normal_does_not_matter(norm: float, scale: float) -> None:
    """The squares of a gradient of 1e-30 are zero in float32."""
    point, normal, rise = _problems()
    scaled = step_to_hyperplane(point, scale * normal, scale * rise, norm)
    assert torch.allclose(scaled, step_to_hyperplane(point, normal, rise, norm), atol=1e-5)


@pytest.mark.parametrize("norm", NORMS)
def test_each_row_by_itself(norm: float) -> None:
    point, normal, rise = _problems()
    together = step_to_hyperplane(point, normal, rise, norm)
    for i in range(16):
        row = slice(i, i + 1)
        assert torch.equal(step_to_hyperplane(point[:, row], normal[row], rise[:, row], norm), together[:, row])
