"""PGD against closed forms, its borders, and the promise to leave the model as it was."""

import math

import pytest
import torch
from torch import Tensor, nn

from advgen_ray.attacks.objectives import cross_entropy, margin, targeted_cross_entropy
from advgen_ray.attacks.pgd import PGD
from advgen_ray.attacks.threat_model import L1, L2, Linf, Unconstrained
from advgen_ray.energy.logits import energy_x
from advgen_ray.rng import Stream
from tests.attacks.known_models import Constant

ATTACKS = [
    PGD(L2(0.5), num_steps=5, step_size=0.2),
    PGD(Linf(0.1), num_steps=5, step_size=0.04),
    PGD(L1(4.0), num_steps=5, step_size=0.5),
    PGD(Unconstrained(), num_steps=5, step_size=0.2),
]


def _noise(x: Tensor) -> Tensor:
    return Stream(0, "attack").normal(range(len(x)), x.shape[1:])


class _Switching(nn.Module):
    """Raises after some calls, as a model that runs out of memory does."""

    def __init__(self) -> None:
        super().__init__()
        self.norm = nn.BatchNorm2d(1)
        self.calls = 0

    def forward(self, x: Tensor) -> Tensor:
        self.calls += 1
        if self.calls == 3:
            raise RuntimeError("out of memory")
        return self.norm(x).flatten(1)


@pytest.mark.parametrize("start_noise", [None, _noise])
@pytest.mark.parametrize(
    ("make_objective", "sign"), [(cross_entropy, 1.0), (targeted_cross_entropy, -1.0), (margin, 1.0)]
)
def test_linear_model_l2_optimum(linear: nn.Module, start_noise, make_objective, sign: float) -> None:  # type: ignore[no-untyped-def]
    """With two classes every objective is monotone in ``(w_other - w_y) x``: the best step is along that row."""
    x, y = torch.full((8, 1, 8, 8), 0.5), torch.arange(8) % 2
    attack = PGD(L2(0.3), num_steps=40, step_size=0.1, start_noise=start_noise)
    x_adv = attack(linear, x, make_objective(y))
    rows = linear.weight.detach()
    direction = sign * (rows[1 - y] - rows[y])
    expected = 0.3 * direction / direction.norm(dim=1, keepdim=True)
    assert torch.allclose((x_adv - x).flatten(1), expected, atol=2e-6)


@pytest.mark.parametrize("start_noise", [None, _noise])
def test_linear_model_linf_optimum(linear: nn.Module, start_noise) -> None:  # type: ignore[no-untyped-def]
    x, y = torch.full((8, 1, 8, 8), 0.5), torch.arange(8) % 2
    attack = PGD(Linf(0.1), num_steps=10, step_size=0.025, start_noise=start_noise)
    x_adv = attack(linear, x, cross_entropy(y))
    rows = linear.weight.detach()
    assert torch.allclose((x_adv - x).flatten(1), 0.1 * (rows[1 - y] - rows[y]).sign(), atol=1e-6)


def test_linear_model_optimum_in_an_active_box(linear: nn.Module) -> None:
    """In the Linf ball the best corner clipped to the box stays best, element by element."""
    x = torch.rand(8, 1, 8, 8, generator=torch.Generator().manual_seed(3))
    y = torch.arange(8) % 2
    x_adv = PGD(Linf(0.3), num_steps=10, step_size=0.1)(linear, x, cross_entropy(y))
    rows = linear.weight.detach()
    direction = (rows[1 - y] - rows[y]).sign().view_as(x)
    assert torch.allclose(x_adv, (x + 0.3 * direction).clamp(0, 1), atol=1e-6)


def test_one_step_of_size_eps_is_fgsm(wide_resnet: nn.Module, x: Tensor, y: Tensor) -> None:
    eps = 8 / 255
    x_adv = PGD(Linf(eps), num_steps=1, step_size=eps)(wide_resnet, x, cross_entropy(y))
    wide_resnet.eval()
    leaf = x.clone().requires_grad_()
    nn.functional.cross_entropy(wide_resnet(leaf), y, reduction="sum").backward()
    assert torch.allclose(x_adv, (x + eps * leaf.grad.sign()).clamp(0, 1), atol=1e-6)


def test_fgsm_in_closed_form(linear: nn.Module) -> None:
    """``x + eps sign(w)`` (Goodfellow et al. 2015): the gradient of a linear logit gap is its weights."""
    x, y = torch.full((4, 1, 8, 8), 0.5), torch.tensor([0, 1, 0, 1])
    x_adv = PGD(Linf(0.1), num_steps=1, step_size=0.1)(linear, x, cross_entropy(y))
    rows = linear.weight.detach()
    assert torch.equal(x_adv, x + (0.1 * (rows[1 - y] - rows[y]).sign()).view_as(x))


@pytest.mark.parametrize("ball", [L2(0.5), Linf(0.1)])
def test_the_ascent_starts_at_the_random_start(ball: L2 | Linf, wide_resnet: nn.Module, x: Tensor, y: Tensor) -> None:
    x_adv = PGD(ball, num_steps=1, step_size=0.0, start_noise=_noise)(wide_resnet, x, cross_entropy(y))
    assert torch.allclose(x_adv, ball.random_start(x, _noise(x)), atol=1e-6)
    assert ball.distance(x_adv, x).min() > 0


@pytest.mark.parametrize("attack", ATTACKS)
def test_more_of_the_objective(attack: PGD, wide_resnet: nn.Module, x: Tensor, y: Tensor) -> None:
    for objective in (cross_entropy(y), targeted_cross_entropy(y), margin(y), energy_x):
        x_adv = attack(wide_resnet, x, objective)
        with torch.no_grad():
            wide_resnet.eval()
            assert (objective(wide_resnet(x_adv)) > objective(wide_resnet(x))).all()


@pytest.mark.parametrize("attack", ATTACKS)
def test_zero_gradient_gives_the_image_back(attack: PGD) -> None:
    x = torch.rand(4, 1, 3, 3, generator=torch.Generator().manual_seed(0))
    assert torch.equal(attack(Constant(3.0, -1.0), x, cross_entropy(torch.tensor([0, 1, 0, 1]))), x)


@pytest.mark.parametrize("attack", ATTACKS)
def test_saturated_softmax_does_not_stop_the_attack(attack: PGD, linear: nn.Module) -> None:
    """Logit gaps near 80 give gradients near 1e-35, whose squares are zero in float32."""
    x = torch.full((2, 1, 8, 8), 0.5)
    with torch.no_grad():
        gap = linear(x)[0, 0] - linear(x)[0, 1]
        linear.weight.mul_(80 / gap)
    x_adv = attack(linear, x, cross_entropy(torch.zeros(2, dtype=torch.int64)))
    assert attack.threat_model.distance(x_adv, x).min() > 0.09


@pytest.mark.parametrize("attack", ATTACKS)
@pytest.mark.parametrize("start_noise", [False, True])
def test_a_sample_alone_and_in_a_batch_of_64(
    attack: PGD, start_noise: bool, wide_resnet: nn.Module, x: Tensor, y: Tensor
) -> None:
    noise = _noise(x)
    ball = not isinstance(attack.threat_model, Unconstrained)

    def run(rows: slice) -> Tensor:
        start = (lambda _: noise[rows]) if start_noise and ball else None
        bound = PGD(attack.threat_model, attack.num_steps, attack.step_size, start)
        return bound(wide_resnet, x[rows], cross_entropy(y[rows]))

    together = run(slice(None))
    for i in range(0, 64, 9):
        assert torch.allclose(run(slice(i, i + 1))[0], together[i], atol=1e-6)


@pytest.mark.parametrize("attack", ATTACKS)
def test_the_model_is_left_as_it_was(attack: PGD, wide_resnet: nn.Module, x: Tensor, y: Tensor) -> None:
    wide_resnet.norm.eval()
    state = {name: value.clone() for name, value in wide_resnet.state_dict().items()}
    modes = [module.training for module in wide_resnet.modules()]
    generator_state = torch.get_rng_state()
    images, gradient_flags = x.clone(), [p.requires_grad for p in wide_resnet.parameters()]

    x_adv = attack(wide_resnet, x, cross_entropy(y))

    assert all(torch.equal(value, state[name]) for name, value in wide_resnet.state_dict().items())
    assert [module.training for module in wide_resnet.modules()] == modes
    assert all(p.grad is None for p in wide_resnet.parameters())
    assert [p.requires_grad for p in wide_resnet.parameters()] == gradient_flags
    assert torch.equal(torch.get_rng_state(), generator_state)
    assert torch.equal(x, images)
    assert x_adv.grad_fn is None
    assert not x_adv.requires_grad


def test_gradients_of_parameters_in_progress_are_kept(wide_resnet: nn.Module, x: Tensor, y: Tensor) -> None:
    nn.functional.cross_entropy(wide_resnet(x), y).backward()
    before = [p.grad.clone() for p in wide_resnet.parameters()]
    ATTACKS[0](wide_resnet, x, cross_entropy(y))
    assert all(torch.equal(p.grad, grad) for p, grad in zip(wide_resnet.parameters(), before, strict=True))


def test_modes_return_after_a_failure_midway() -> None:
    model = _Switching().train()
    with pytest.raises(RuntimeError, match="out of memory"):
        ATTACKS[0](model, torch.rand(4, 1, 2, 2), margin(torch.zeros(4, dtype=torch.int64)))
    assert model.training
    assert model.norm.training


def test_attacks_under_no_grad(wide_resnet: nn.Module, x: Tensor, y: Tensor) -> None:
    with torch.no_grad():
        x_adv = ATTACKS[0](wide_resnet, x, cross_entropy(y))
    assert torch.equal(x_adv, ATTACKS[0](wide_resnet, x, cross_entropy(y)))


class _Hill(nn.Module):
    """Two logits whose gap has its top at ``x = 0.5``: ascent with long steps jumps over it."""

    def __init__(self) -> None:
        super().__init__()
        self.num_passes = 0

    def forward(self, x: Tensor) -> Tensor:
        self.num_passes += 1
        height = -(x - 0.5).abs().flatten(1).sum(1)
        return torch.stack([torch.zeros_like(height), height], dim=1)


def test_keep_best_returns_the_highest_iterate_at_the_price_of_one_pass() -> None:
    x, y = torch.tensor([0.5, 0.4, 0.1]).view(3, 1, 1, 1), torch.zeros(3).long()
    last, best = (PGD(Linf(0.3), 2, 0.3, keep_best=keep_best) for keep_best in (False, True))
    model = _Hill()
    # 0.5 is the top, where the gradient is zero; 0.4 goes to 0.7 and back; 0.1 goes to 0.4 and stays in its ball.
    assert torch.allclose(last(model, x, margin(y)).flatten(), torch.tensor([0.5, 0.4, 0.4]))
    assert model.num_passes == 2
    one_step = PGD(Linf(0.3), 1, 0.3, keep_best=True)
    assert torch.allclose(one_step(model, x, margin(y)).flatten(), torch.tensor([0.5, 0.4, 0.4]))
    assert model.num_passes == 4
    assert torch.allclose(best(model, x, margin(y)).flatten(), torch.tensor([0.5, 0.4, 0.4]))
    assert torch.allclose(PGD(Linf(0.3), 1, 0.3)(model, x, margin(y)).flatten(), torch.tensor([0.5, 0.7, 0.4]))


def test_keep_best_is_never_below_start_or_end(wide_resnet: nn.Module, x: Tensor, y: Tensor) -> None:
    def value(images: Tensor) -> Tensor:
        with torch.no_grad():
            return cross_entropy(y)(wide_resnet.eval()(images))

    for ball in (L1(4.0), L2(0.5), Linf(0.1)):
        last, best = (PGD(ball, 6, ball.eps, _noise, keep_best=keep_best) for keep_best in (False, True))
        values = value(best(wide_resnet, x, cross_entropy(y)))
        assert (values >= value(last(wide_resnet, x, cross_entropy(y))) - 1e-6).all()
        assert (values >= value(ball.random_start(x, _noise(x))) - 1e-6).all()


def test_huge_logits_stay_finite(linear: nn.Module) -> None:
    with torch.no_grad():
        linear.weight.mul_(1e4)
    x = torch.rand(8, 1, 8, 8, generator=torch.Generator().manual_seed(0))
    for objective in (cross_entropy(torch.arange(8) % 2), margin(torch.arange(8) % 2), energy_x):
        x_adv = ATTACKS[0](linear, x, objective)
        assert x_adv.isfinite().all()


@pytest.mark.parametrize(
    ("num_steps", "step_size", "message"),
    [
        (0, 0.1, "num_steps must be at least 1, got 0"),
        (1, -0.1, "step_size must be zero or positive .* got -0.1"),
        (1, math.inf, "step_size must be zero or positive .* got inf"),
    ],
)
def test_settings_are_checked_when_built(num_steps: int, step_size: float, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        PGD(L2(0.5), num_steps, step_size)


def test_a_start_sigma_without_noise_is_refused() -> None:
    with pytest.raises(ValueError, match="start_sigma scales start_noise: give both"):
        PGD(L2(0.5), 1, 0.1, start_sigma=0.001)
