"""The binary AT loss is torch's logistic loss, meets the ascent of the logit, and leaves weights to the outer step."""

from functools import partial

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from advgen_ray.attacks.objectives import Objective
from advgen_ray.attacks.pgd import PGD
from advgen_ray.attacks.threat_model import Unconstrained
from advgen_ray.losses.binary import binary_at_loss, energy_difference


def discriminator() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Flatten(), nn.Linear(64, 16), nn.BatchNorm1d(16), nn.Tanh(), nn.Linear(16, 1))


def images(num: int, seed: int) -> Tensor:
    return torch.rand(num, 1, 8, 8, generator=torch.Generator().manual_seed(seed))


def test_it_is_binary_cross_entropy_with_logits() -> None:
    """Sums of means over each side, whatever their sizes."""
    model, x, x_out = discriminator().eval(), images(12, 1), images(20, 2)
    terms = binary_at_loss(model, x, x_out, None)
    f, f_out = model(x)[:, 0], model(x_out)[:, 0]
    bce = functional.binary_cross_entropy_with_logits
    assert torch.allclose(terms.loss, bce(f, torch.ones(12)) + bce(f_out, torch.zeros(20)), rtol=1e-6)
    assert torch.allclose(terms.metrics["data_probability"], f.sigmoid().mean())
    assert torch.allclose(terms.metrics["out_probability"], f_out.sigmoid().mean())
    assert not any(value.requires_grad for value in terms.metrics.values())


def test_at_the_solution_it_is_log_4_and_it_is_finite_anywhere() -> None:
    class Given(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return 1e4 * x[:, :1]

    zeros, ones = torch.zeros(4, 2), torch.ones(4, 2)
    assert binary_at_loss(Given(), zeros, zeros, None).loss.item() == pytest.approx(1.3862944)
    assert binary_at_loss(Given(), ones, zeros, None).loss.item() == pytest.approx(0.6931472)
    assert binary_at_loss(Given(), zeros, ones, None).loss.item() == pytest.approx(1e4, rel=1e-3)


def test_the_attack_starts_at_p0_and_ascends_the_logit_alone() -> None:
    model, x, x_out = discriminator().eval(), images(8, 1), images(8, 2)
    met = []

    def attack(start: Tensor, objective: Objective) -> Tensor:
        met.append((start, objective(torch.tensor([[3.0], [-2.0]]))))
        return 1 - start

    terms = binary_at_loss(model, x, x_out, attack)
    ((start, values),) = met
    assert torch.equal(start, x_out)
    assert values.tolist() == [3.0, -2.0]
    assert torch.equal(terms.loss, binary_at_loss(model, x, 1 - x_out, None).loss)


def test_gradients_reach_the_weights_only_through_the_loss() -> None:
    """As S004 equation 2.18 has them: the ascended samples are constants, and one forward takes both sides."""
    model, x, x_out = discriminator().eval(), images(8, 1), images(8, 2)
    pgd = partial(PGD(Unconstrained(), num_steps=3, step_size=0.3), model)
    binary_at_loss(model, x, x_out, pgd).loss.backward()
    x_adv = pgd(x_out, lambda outputs: outputs[:, 0])
    f, f_adv = model(x)[:, 0], model(x_adv)[:, 0]
    weighted = ((1 - f.sigmoid()).detach() * f).mean() - (f_adv.sigmoid().detach() * f_adv).mean()
    for parameter, expected in zip(model.parameters(), torch.autograd.grad(-weighted, model.parameters()), strict=True):
        assert torch.allclose(parameter.grad, expected, atol=1e-6)
    assert not torch.equal(x_adv, x_out)


def test_the_gradient_penalty_of_a_plane_is_its_slope_squared() -> None:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Flatten(), nn.Linear(64, 1)).double()
    x, x_out = images(8, 1).double(), images(6, 2).double()
    slope = model[1].weight.square().sum().item()
    with_penalty, plain = (binary_at_loss(model, x, x_out, None, r1=r1).loss.item() for r1 in (3.0, 0.0))
    assert with_penalty - plain == pytest.approx(1.5 * slope, rel=1e-9)


def test_the_penalty_is_taken_where_the_data_are_fed_and_reaches_the_weights() -> None:
    """Of f = |x|^2 / 2 the gradient is x itself: after a perturbation that of the perturbed data."""

    class Bowl(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.depth = nn.Parameter(torch.tensor(1.0))

        def forward(self, x: Tensor) -> Tensor:
            return self.depth * x.flatten(1).square().sum(1, keepdim=True) / 2

    model, x, x_out = Bowl(), images(8, 1), images(8, 2)
    met: list[Tensor] = []

    def descend(start: Tensor, objective: Objective) -> Tensor:
        met.append(objective(torch.tensor([[3.0], [-2.0]])))
        return start / 2

    moved = binary_at_loss(model, x, x_out, None, data_attack=descend, r1=2.0)
    assert met[0].tolist() == [-3.0, 2.0]
    plain = binary_at_loss(model, x / 2, x_out, None).loss
    penalty = (x / 2).flatten(1).square().sum(1).mean()
    assert torch.allclose(moved.loss - plain, penalty, rtol=1e-4)
    (moved.loss - plain).backward()
    assert model.depth.grad is not None
    assert model.depth.grad.item() == pytest.approx(2 * penalty.item(), rel=1e-3)  # depth^2 |x|^2


def test_the_energy_difference_knows_no_bound_and_no_level() -> None:
    model, x, x_out = discriminator().eval(), images(12, 1), images(20, 2)
    terms = binary_at_loss(model, x, x_out, None, contrast=energy_difference)
    assert torch.allclose(terms.loss, terms.f_out.mean() - terms.f_data.mean())
    model[4].bias.data += 100.0
    shifted = binary_at_loss(model, x, x_out, None, contrast=energy_difference)
    assert torch.allclose(shifted.loss, terms.loss, atol=1e-4)


def test_unequal_parts_of_a_batch_add_up_to_the_whole() -> None:
    """Two workers with 5 and 3 images of the data, 2 and 4 samples: the mean of their losses is that of one."""
    model, x, x_out = discriminator().eval(), images(8, 1), images(6, 2)
    whole = binary_at_loss(model, x, x_out, None, r1=500.0)
    parts = [
        binary_at_loss(
            model, x[rows], x_out[outs], None, r1=500.0, shares=(2 * len(x[rows]) / 8, 2 * len(x_out[outs]) / 6)
        )
        for rows, outs in ((slice(5), slice(2)), (slice(5, 8), slice(2, 6)))
    ]
    assert torch.allclose((parts[0].loss + parts[1].loss) / 2, whole.loss, rtol=1e-5)
    for name, value in whole.metrics.items():
        assert torch.allclose((parts[0].metrics[name] + parts[1].metrics[name]) / 2, value, rtol=1e-5)


def test_a_small_weight_of_the_penalty_is_a_penalty() -> None:
    plane = nn.Linear(2, 1, bias=False)
    x = torch.rand(8, 2)
    losses = [binary_at_loss(plane, x, x, None, r1=r1).loss for r1 in (0.0, 0.5)]
    slope = plane.weight.detach().square().sum()
    torch.testing.assert_close(losses[1] - losses[0], 0.25 * slope)
