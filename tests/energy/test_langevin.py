"""SGLD against models whose path is known in closed form, its stationary spread, and its independence of batches."""

import math

import pytest
import torch
from torch import Tensor, nn

from advgen_ray.energy.langevin import langevin
from advgen_ray.energy.logits import energy_xy
from advgen_ray.models.wide_resnet import WideResNet
from advgen_ray.rng import Stream

SETTINGS = {"num_steps": 20, "step_size": 0.05, "momentum": 0.5, "noise_scale": 0.001}  # S001's for SAT


class _Linear(nn.Module):
    """Logits ``W x``: E(x, y) has the gradient ``-W_y`` everywhere."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(0.02 * torch.randn(3, 16, generator=torch.Generator().manual_seed(0)))

    def forward(self, x: Tensor) -> Tensor:
        return x.flatten(1) @ self.weight.T


class _Quadratic(nn.Module):
    """Logit k is ``-curvature/2 |x - center_k|^2``: E(x, y) is least at the center of y."""

    def __init__(self, curvature: float = 4.0) -> None:
        super().__init__()
        self.curvature = curvature
        self.register_buffer("centers", torch.tensor([0.3, 0.7]))

    def forward(self, x: Tensor) -> Tensor:
        return -self.curvature / 2 * (x.flatten(1)[:, None] - self.centers[None, :, None]).square().sum(2)


class _Root(nn.Module):
    """Logits ``-+ sum sqrt(x)``, whose gradient is infinite at pixels of zero."""

    def forward(self, x: Tensor) -> Tensor:
        root = x.flatten(1).sqrt().sum(dim=1)
        return torch.stack([-root, root], dim=1)


def _silent(step: int) -> Tensor:
    raise AssertionError("no noise was asked for")


def _keyed(items, shape=(1, 4, 4)):  # type: ignore[no-untyped-def]
    stream = Stream(0, "generate")
    return lambda step: stream.normal(items, shape, step)


@pytest.mark.parametrize("momentum", [0.0, 0.5, 0.8])
def test_path_on_a_linear_energy(momentum: float) -> None:
    """A constant force: ``v_k = eta/2 W_y (1 - zeta^k) / (1 - zeta)``, and x is the start plus their sum."""
    model, y = _Linear().eval(), torch.tensor([0, 1, 2])
    x = torch.full((3, 1, 4, 4), 0.5)
    after = langevin(model, x, y, _silent, num_steps=5, step_size=0.3, momentum=momentum, noise_scale=0)
    speeds = [(1 - momentum**k) / (1 - momentum) for k in range(1, 6)]
    expected = 0.5 + 0.15 * sum(speeds) * model.weight[y]
    assert torch.allclose(after.flatten(1), expected, atol=1e-6)


def test_without_momentum_it_is_plain_sgld() -> None:
    """``x <- clip(x - eta/2 dE/dx + sqrt(2 eta) gamma n)``, step by step."""
    model, y, noise = _Quadratic().eval(), torch.tensor([0, 1]), _keyed(["a", "b"])
    x = torch.rand(2, 1, 4, 4, generator=torch.Generator().manual_seed(1))
    after = langevin(model, x, y, noise, num_steps=4, step_size=0.2, momentum=0, noise_scale=0.6)
    center = model.centers[y].view(2, 1, 1, 1)
    for step in range(4):
        x = (x - 0.1 * 4 * (x - center) + math.sqrt(0.4) * 0.6 * noise(step)).clamp(0, 1)
    assert torch.allclose(after, x, atol=1e-6)
    assert ((after == 0) | (after == 1)).any()  # the box was met on the way


def test_energy_falls_to_the_known_minimum() -> None:
    model, y = _Quadratic().eval(), torch.tensor([0, 1, 1])
    x = torch.rand(3, 1, 4, 4, generator=torch.Generator().manual_seed(1))
    seen = []
    settings = {"num_steps": 60, "step_size": 0.05, "momentum": 0.3, "noise_scale": 0}
    after = langevin(model, x, y, _silent, **settings, on_step=lambda *state: seen.append(state))
    energies = torch.stack([energy for _, _, energy in seen])
    assert [step for step, _, _ in seen] == list(range(61))
    assert (energies[1:] <= energies[:-1] + 1e-7).all()
    assert torch.allclose(after, model.centers[y].view(3, 1, 1, 1).expand_as(after), atol=1e-3)
    assert torch.equal(seen[0][1], x)
    assert torch.equal(seen[-1][1], after)
    assert torch.equal(seen[-1][2], energy_xy(model(after), y))
    assert torch.equal(after, langevin(model, x, y, _silent, **settings))


def test_a_minimum_is_not_left() -> None:
    model = _Quadratic().eval()
    x = torch.full((1, 1, 4, 4), 0.7)
    after = langevin(model, x, torch.tensor([1]), _silent, **SETTINGS | {"noise_scale": 0})
    assert torch.allclose(after, x, atol=1e-6)


def test_stationary_spread_of_the_noise() -> None:
    """On a quadratic energy plain SGLD is an autoregression: variance ``2 eta gamma^2 / (1 - (1 - eta c / 2)^2)``."""
    model = _Quadratic(curvature=4.0).eval()
    x = torch.full((500, 1, 4, 4), 0.3)
    settings = {"num_steps": 40, "step_size": 0.1, "momentum": 0, "noise_scale": 0.1}
    after = langevin(model, x, torch.zeros(500, dtype=torch.int64), _keyed(range(500)), **settings)
    expected = 2 * 0.1 * 0.1**2 / (1 - (1 - 0.1 * 4 / 2) ** 2)
    assert after.std().item() == pytest.approx(math.sqrt(expected), rel=0.03)
    assert after.mean().item() == pytest.approx(0.3, abs=0.004)


def test_a_sample_alone_is_the_sample_in_a_batch() -> None:
    torch.manual_seed(0)
    model = WideResNet((1, 8, 8), 10, (0.3,), (0.4,), depth=10, widen_factor=1, base_channels=4, dropout=0.2)
    model(torch.rand(64, 1, 8, 8))
    model.eval()
    state = {name: value.clone() for name, value in model.state_dict().items()}
    x, y = torch.rand(24, 1, 8, 8), torch.arange(24) % 10
    together = langevin(model, x, y, _keyed(range(24), (1, 8, 8)), **SETTINGS)
    alone = langevin(model, x[5:6], y[5:6], _keyed([5], (1, 8, 8)), **SETTINGS)
    assert torch.allclose(alone[0], together[5], atol=1e-5)
    with torch.no_grad():
        assert (energy_xy(model(together), y) < energy_xy(model(x), y)).all()
    assert all(torch.equal(value, state[name]) for name, value in model.state_dict().items())
    assert all(parameter.grad is None for parameter in model.parameters())


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"momentum": 1.0}, "momentum=1.0"),
        ({"num_steps": -1}, "num_steps=-1"),
        ({"step_size": math.nan}, "step_size=nan"),
        ({"noise_scale": -0.1}, "noise_scale=-0.1"),
        ({"noise_scale": math.inf}, "noise_scale=inf"),
    ],
)
def test_settings_out_of_range_are_refused(change: dict[str, float], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        langevin(_Linear().eval(), torch.zeros(1, 1, 4, 4), torch.tensor([0]), _silent, **SETTINGS | change)


def test_no_step_leaves_the_images_as_they_are() -> None:
    x = torch.full((1, 1, 4, 4), 0.25)
    assert torch.equal(langevin(_Linear().eval(), x, torch.tensor([0]), _silent, **SETTINGS | {"num_steps": 0}), x)


def test_what_is_no_image_or_no_finite_model_is_refused() -> None:
    model, y = _Linear().eval(), torch.tensor([0])
    for value in (1.1, -0.1, math.nan):
        with pytest.raises(ValueError, match=r"must lie in \[0, 1\]"):
            langevin(model, torch.full((1, 1, 4, 4), value), y, _silent, **SETTINGS)
    with pytest.raises(ValueError, match="training mode"):
        langevin(model.train(), torch.zeros(1, 1, 4, 4), y, _silent, **SETTINGS)
    with torch.no_grad():
        model.weight[:] = math.nan
    with pytest.raises(ValueError, match="not finite"):
        langevin(model.eval(), torch.zeros(1, 1, 4, 4), y, _keyed([0]), **SETTINGS)


@pytest.mark.parametrize("momentum", [0.0, 0.5])
@pytest.mark.parametrize("num_steps", [1, 3])
@pytest.mark.parametrize("label", [0, 1])
def test_an_infinite_gradient_is_not_hidden_by_the_clip(momentum: float, num_steps: int, label: int) -> None:
    """It moves a pixel to 0 or 1, which is finite."""
    x = torch.full((1, 1, 4, 4), 0.5)
    x[0, 0, 0, 0] = 0.0
    settings = SETTINGS | {"momentum": momentum, "num_steps": num_steps, "noise_scale": 0}
    with pytest.raises(ValueError, match="not finite"):
        langevin(_Root().eval(), x, torch.tensor([label]), _silent, **settings)
