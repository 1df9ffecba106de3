"""Binary AT's ascent, PGD on the logit without a ball: closed forms, borders, and what it must leave alone."""

import pytest
import torch
from torch import Tensor, nn

from advgen_ray.attacks.objectives import logit
from advgen_ray.attacks.pgd import PGD
from advgen_ray.attacks.threat_model import L2, Unconstrained


class Linear(nn.Module):
    """``f(x) = w . x`` with ``w = 3 (0.6, 0.8, 0, 0)``, of any four-element samples."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(3 * torch.tensor([0.6, 0.8, 0.0, 0.0]))

    def forward(self, x: Tensor) -> Tensor:
        return (x.flatten(1) @ self.weight)[:, None]


@pytest.mark.parametrize("shape", [(4,), (1, 2, 2)])
def test_on_a_linear_logit_it_goes_step_by_step_along_the_gradient(shape: tuple[int, ...]) -> None:
    x = torch.full((3, *shape), 0.1)
    moved = PGD(Unconstrained(), num_steps=7, step_size=0.05)(Linear(), x, logit) - x
    expected = 7 * 0.05 * torch.tensor([0.6, 0.8, 0.0, 0.0]).expand(3, 4)
    assert torch.allclose(moved.flatten(1), expected, atol=1e-6)


def test_in_a_ball_it_stops_at_its_surface_and_the_box_holds_always() -> None:
    x = torch.full((3, 1, 2, 2), 0.1)
    bounded = PGD(L2(0.2), num_steps=7, step_size=0.05)(Linear(), x, logit)
    assert (bounded - x).flatten(1).norm(dim=1).tolist() == pytest.approx([0.2] * 3, abs=1e-6)
    far = PGD(Unconstrained(), num_steps=100, step_size=0.05)(Linear(), x, logit)
    assert torch.allclose(far.flatten(1), torch.tensor([1.0, 1.0, 0.1, 0.1]).expand(3, 4))


def test_a_sample_goes_alone_as_in_its_batch_and_the_model_stays_as_it_was() -> None:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Flatten(), nn.Linear(4, 16), nn.BatchNorm1d(16), nn.Tanh(), nn.Linear(16, 1)).train()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    x = torch.rand(64, 1, 2, 2)
    attack = PGD(Unconstrained(), num_steps=5, step_size=0.05)
    together, alone = attack(model, x, logit), attack(model, x[5:6], logit)
    assert torch.allclose(together[5:6], alone, atol=1e-6)
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    assert all(parameter.grad is None for parameter in model.parameters())
    assert all(module.training for module in model.modules())
    assert (model.eval()(together) > model(x)).all()


def test_a_model_of_several_outputs_is_refused() -> None:
    with pytest.raises(ValueError, match=r"one logit a sample, \[N, 1\], got outputs of shape \[2, 3\]"):
        logit(torch.zeros(2, 3))
