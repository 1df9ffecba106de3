"""What every ascent promises, one table of attacks: batches, dropped samples, models left alone, balls kept."""

from collections.abc import Callable, Sequence

import pytest
import torch
from torch import Tensor, nn

from advgen_ray.attacks import live_rows
from advgen_ray.attacks.apgd import APGD
from advgen_ray.attacks.objectives import Objective, Until, cross_entropy, margin, misclassified
from advgen_ray.attacks.pgd import PGD
from advgen_ray.attacks.square import Square
from advgen_ray.attacks.threat_model import L1, L2, Ball, Linf
from advgen_ray.rng import Stream
from tests.attacks.known_models import Constant, Counting

Attack = Callable[[nn.Module, Tensor, Objective, Until | None], Tensor]
BALLS: list[Ball] = [L1(2.0), L2(0.4), Linf(0.06)]


def _pgd(ball: Ball, items: Sequence[int]) -> Attack:
    return PGD(ball, 8, ball.eps / 3, _noise(items))


def _best_pgd(ball: Ball, items: Sequence[int]) -> Attack:
    return PGD(ball, 8, ball.eps / 3, _noise(items), keep_best=True)


def _adam(ball: Ball, items: Sequence[int]) -> Attack:
    return PGD(ball, 8, 0.02, _noise(items), adam=True)


def _apgd(ball: Ball, items: Sequence[int]) -> Attack:
    return APGD(ball, 12, _noise(items))


def _square(ball: Ball, items: Sequence[int]) -> Attack:
    return Square(ball, 20, lambda step, shape: Stream(0, "square").uniform(items, shape, step))


def _noise(items: Sequence[int]) -> Callable[[Tensor], Tensor]:
    return lambda x: Stream(0, "attack").normal(items, x.shape[1:])


MAKERS = [_pgd, _best_pgd, _adam, _apgd, _square]
Make = Callable[[Ball, Sequence[int]], Attack]
table = pytest.mark.parametrize(
    ("make", "ball"),
    [(make, ball) for make in MAKERS for ball in BALLS],
    ids=[f"{make.__name__[1:]}-{type(ball).__name__}" for make in MAKERS for ball in BALLS],
)


def _predictions(model: nn.Module, x: Tensor) -> Tensor:
    model.eval()
    with torch.no_grad():
        return model(x).argmax(1)


@table
def test_more_of_the_objective_within_ball_and_box(make: Make, ball: Ball, wide_resnet: nn.Module, x: Tensor) -> None:
    y = _predictions(wide_resnet, x)
    x_adv = make(ball, range(64))(wide_resnet, x, margin(y), None)
    with torch.no_grad():
        gain = margin(y)(wide_resnet.eval()(x_adv)) - margin(y)(wide_resnet(x))
    assert (gain > 0).float().mean() > 0.9
    assert ball.distance(x_adv.double(), x.double()).max() <= ball.eps * (1 + 1e-6) + 6e-8
    assert x_adv.min() >= 0
    assert x_adv.max() <= 1


@table
def test_a_sample_alone_and_in_a_batch_of_64(make: Make, ball: Ball, wide_resnet: nn.Module, x: Tensor) -> None:
    """Also where samples are dropped at different times; convolutions of another batch size round differently."""
    y = _predictions(wide_resnet, x)
    together = make(ball, range(64))(wide_resnet, x, cross_entropy(y), misclassified(y))
    for i in range(0, 64, 9):
        row = slice(i, i + 1)
        alone = make(ball, [i])(wide_resnet, x[row], cross_entropy(y[row]), misclassified(y[row]))
        assert torch.allclose(alone[0], together[i], atol=1e-6)


@table
def test_dropping_rows_changes_nothing(
    make: Make, ball: Ball, wide_resnet: nn.Module, x: Tensor, monkeypatch: pytest.MonkeyPatch
) -> None:
    y = _predictions(wide_resnet, x)
    counting = Counting(wide_resnet)
    results = {}
    for share in (1e-9, 1 / 16, 2.0):  # each finished row at once; by default; never
        monkeypatch.setattr(live_rows, "DROPPED_SHARE", share)
        counting.calls = []
        results[share] = make(ball, range(64))(counting, x, cross_entropy(y), misclassified(y)), counting.rows
    assert results[1e-9][1] <= results[1 / 16][1] < results[2.0][1]
    assert torch.allclose(results[1e-9][0], results[2.0][0], atol=1e-6)
    assert torch.allclose(results[1 / 16][0], results[2.0][0], atol=1e-6)


@table
def test_until_ends_a_sample_at_its_first_hit(make: Make, ball: Ball, wide_resnet: nn.Module, x: Tensor) -> None:
    """What is returned for a fallen sample has fallen, and no attack without ``until`` found fewer of them."""
    y = _predictions(wide_resnet, x)
    seen: list[Tensor] = []

    def until(outputs: Tensor) -> Tensor:
        seen.append(misclassified(y)(outputs))
        return seen[-1]

    x_adv = make(ball, range(64))(wide_resnet, x, cross_entropy(y), until)
    fallen = torch.stack(seen).any(0)
    assert fallen.any()
    end = _predictions(wide_resnet, x_adv) != y
    assert end[fallen].all()
    without = _predictions(wide_resnet, make(ball, range(64))(wide_resnet, x, cross_entropy(y), None)) != y
    assert (end | ~without).all()


@table
def test_finished_at_the_start_costs_one_pass(make: Make, ball: Ball, wide_resnet: nn.Module, x: Tensor) -> None:
    counting = Counting(wide_resnet)
    start = make(ball, range(64))(
        counting, x, margin(x.new_zeros(64).long()), lambda outputs: outputs[:, 0] < torch.inf
    )
    assert counting.calls[-1] == 64
    assert ball.distance(start, x).max() > 0
    if not isinstance(ball, L1):  # which comes in from outside its ball first
        assert len(counting.calls) == 1


@table
def test_a_constant_model_gives_the_start_back(make: Make, ball: Ball, x: Tensor) -> None:
    model, y = Constant(3.0, -1.0, 2.0), torch.zeros(64).long()
    x_adv = make(ball, range(64))(model, x, cross_entropy(y), misclassified(y))
    assert x_adv.isfinite().all()
    if isinstance(ball, L1) and make is _apgd:
        return
    first = make(ball, range(64))(model, x, cross_entropy(y), lambda outputs: outputs[:, 0] < torch.inf)
    assert torch.allclose(x_adv, first, atol=1e-6)


@pytest.mark.parametrize("ball", BALLS)
def test_a_zero_gradient_gives_the_image_back(ball: Ball, x: Tensor) -> None:
    y = torch.zeros(64).long()
    for attack in (PGD(ball, 5, ball.eps / 2), PGD(ball, 5, ball.eps / 2, keep_best=True), APGD(ball, 10)):
        assert torch.equal(attack(Constant(3.0, -1.0, 2.0), x, cross_entropy(y)), x)


@table
def test_the_model_is_left_as_it_was(make: Make, ball: Ball, wide_resnet: nn.Module, x: Tensor, y: Tensor) -> None:
    """Given in training mode, with dropout and batch norm: attacked in evaluation mode, given back in training mode."""
    wide_resnet.train()
    wide_resnet.norm.eval()
    state = {name: value.clone() for name, value in wide_resnet.state_dict().items()}
    modes = [module.training for module in wide_resnet.modules()]
    generator_state, images = torch.get_rng_state(), x.clone()

    x_adv = make(ball, range(64))(wide_resnet, x, cross_entropy(y), misclassified(y))

    assert all(torch.equal(value, state[name]) for name, value in wide_resnet.state_dict().items())
    assert [module.training for module in wide_resnet.modules()] == modes
    assert all(p.grad is None and p.requires_grad for p in wide_resnet.parameters())
    assert torch.equal(torch.get_rng_state(), generator_state)
    assert torch.equal(x, images)
    assert not x_adv.requires_grad
    assert not x_adv.is_inference()
    again = make(ball, range(64))(wide_resnet.eval(), x, cross_entropy(y), misclassified(y))
    assert torch.equal(x_adv, again)


@table
def test_huge_logits_stay_finite(make: Make, ball: Ball, linear: nn.Module) -> None:
    with torch.no_grad():
        linear.weight.mul_(1e4)
    x = torch.rand(8, 1, 8, 8, generator=torch.Generator().manual_seed(0))
    for objective in (cross_entropy(torch.arange(8) % 2), margin(torch.arange(8) % 2)):
        assert make(ball, range(8))(linear, x, objective, None).isfinite().all()


@table
def test_bad_input_is_refused_in_one_line(make: Make, ball: Ball, wide_resnet: nn.Module, x: Tensor, y: Tensor) -> None:
    attack = make(ball, range(64))
    with pytest.raises(ValueError, match=r"images must lie in \[0, 1\], got 0.* divide values in 0..255 by 255"):
        attack(wide_resnet, 255 * x, cross_entropy(y), None)
    with pytest.raises(ValueError, match="remove its softmax"):
        attack(nn.Sequential(wide_resnet, nn.Softmax(dim=1)), x, cross_entropy(y), None)
    with pytest.raises(ValueError, match=r"one value a sample, \[64\], got shape \[\]"):
        attack(wide_resnet, x, lambda logits: logits.logsumexp(1).mean(), None)
    with torch.no_grad():
        wide_resnet.head.weight[0, 0] = torch.nan
    with pytest.raises(ValueError, match="not finite: check the model's weights"):
        attack(wide_resnet, x, cross_entropy(y), misclassified(y))
