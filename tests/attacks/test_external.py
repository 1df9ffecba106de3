"""The attacks of other libraries keep the house rules: nearest boundary, one sample alone, the model left as it was."""

import importlib.util
import math
from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from advgen_ray.attacks import external
from advgen_ray.attacks.external import JSMA, LBFGS, Boundary, DeepFool
from advgen_ray.attacks.suite import STANDING, SuiteAttack, evaluate
from advgen_ray.attacks.threat_model import L2
from advgen_ray.errors import UserError
from advgen_ray.models.wide_resnet import WideResNet
from tests.attacks.known_models import Constant, linear, near_grey, predictions

NUM_SAMPLES = 6
SEEDS = range(100, 100 + NUM_SAMPLES)
DUAL = {2.0: 2.0, math.inf: 1.0}


def needs(library: str) -> pytest.MarkDecorator:
    missing = importlib.util.find_spec(library) is None
    return pytest.mark.skipif(missing, reason=f"{library} is not installed: pip install '.[attacks]'")


ATTACKS = [
    pytest.param(lambda rows: DeepFool(num_steps=20), id="deepfool", marks=needs("foolbox")),
    pytest.param(lambda rows: Boundary(SEEDS[rows], num_steps=100), id="boundary", marks=needs("foolbox")),
    pytest.param(lambda rows: JSMA(theta=0.5), id="jsma", marks=needs("art")),
    pytest.param(lambda rows: LBFGS(num_steps=20, num_search_steps=4), id="lbfgs"),
]
Bind = Callable[[slice], Callable[[nn.Module, Tensor, Tensor], Tensor]]
ALL = slice(None)


def distances(model: nn.Sequential, x_adv: Tensor, x: Tensor, norm: float = 2.0) -> tuple[Tensor, Tensor]:
    """Of the boundary between two classes, and of ``x_adv``: ``[N]`` each."""
    normal, logits = (model[1].weight[0] - model[1].weight[1]).detach(), model(x).detach()
    nearest = (logits[:, 0] - logits[:, 1]).abs() / torch.linalg.vector_norm(normal, DUAL[norm])
    return nearest, torch.linalg.vector_norm((x_adv - x).flatten(1), norm, dim=1)


@needs("foolbox")
@pytest.mark.parametrize("norm", [2.0, math.inf])
def test_deepfool_overshoots_the_nearest_boundary_by_two_percent(norm: float) -> None:
    """foolbox adds 1e-4 to the distance first."""
    model, x = linear(), near_grey(NUM_SAMPLES)
    y = predictions(model, x)
    x_adv = DeepFool(norm)(model, x, y)
    assert (predictions(model, x_adv) != y).all()
    nearest, found = distances(model, x_adv, x, norm)
    assert torch.allclose(found, 1.02 * (nearest + 1e-4), rtol=1e-3)


def test_lbfgs_reaches_the_nearest_boundary() -> None:
    model, x = linear(), near_grey(NUM_SAMPLES)
    y = predictions(model, x)
    x_adv = LBFGS()(model, x, y)
    assert (predictions(model, x_adv) != y).all()
    nearest, found = distances(model, x_adv, x)
    assert (found >= 0.999 * nearest).all()
    assert (found / nearest).median() <= 1.02


@needs("foolbox")
def test_the_boundary_attack_comes_nearer_with_steps() -> None:
    model, x = linear(), near_grey(NUM_SAMPLES)
    y = predictions(model, x)
    (nearest, few), (_, many) = (distances(model, Boundary(SEEDS, n)(model, x, y), x) for n in (1, 400))
    assert (many >= 0.999 * nearest).all()
    assert (many < 0.8 * few).all()


@needs("art")
def test_jsma_raises_the_two_most_salient_elements() -> None:
    """Those by which the target's probability grows most, not its logit: near a tie one pair is enough."""
    model, x = linear(3), 0.5 + 0.1 * (near_grey(NUM_SAMPLES) - 0.5)
    y = predictions(model, x)
    x_adv = JSMA(theta=0.5, gamma=1 / 64)(model, x, y)
    assert (predictions(model, x_adv) != y).all()
    weight, logits = model[1].weight.detach(), model(x).detach()
    target = logits.argsort(dim=1, descending=True)[:, 1]
    expected = (weight[target] - logits.softmax(dim=1) @ weight).topk(2, dim=1).indices.sort(dim=1).values
    changed = (x_adv != x).flatten(1).nonzero()[:, 1].view(NUM_SAMPLES, 2)
    assert torch.equal(changed, expected)
    assert (expected != weight[target].topk(2, dim=1).indices.sort(dim=1).values).any()
    assert (x_adv >= x).all()


@pytest.mark.parametrize("bind", ATTACKS)
def test_a_sample_alone_and_in_a_batch(bind: Bind, wide_resnet: WideResNet, x: Tensor) -> None:
    x = x[:NUM_SAMPLES]
    y = predictions(wide_resnet.eval(), x)
    y[1] = (y[1] + 1) % 10  # misclassified as it is
    together = bind(ALL)(wide_resnet, x, y)
    assert torch.equal(together[1], x[1])
    assert (together != x).flatten(1).any(dim=1).sum() >= 3
    for i in range(0, NUM_SAMPLES, 2):
        row = slice(i, i + 1)
        assert torch.allclose(bind(row)(wide_resnet, x[row], y[row])[0], together[i], atol=1e-4)


@pytest.mark.parametrize("bind", ATTACKS)
def test_the_model_is_left_as_it_was(bind: Bind, wide_resnet: WideResNet, x: Tensor) -> None:
    x = x[:NUM_SAMPLES]
    y = predictions(wide_resnet.eval(), x)
    wide_resnet.train()
    wide_resnet.norm.eval()
    wide_resnet.head.bias.requires_grad_(False)
    state = {name: value.clone() for name, value in wide_resnet.state_dict().items()}
    modes, images = [module.training for module in wide_resnet.modules()], x.clone()
    gradient_flags = [parameter.requires_grad for parameter in wide_resnet.parameters()]
    generator_state = torch.get_rng_state()
    x_adv = bind(ALL)(wide_resnet, x, y)
    assert all(torch.equal(value, state[name]) for name, value in wide_resnet.state_dict().items())
    assert [module.training for module in wide_resnet.modules()] == modes
    assert [parameter.requires_grad for parameter in wide_resnet.parameters()] == gradient_flags
    assert all(parameter.grad is None for parameter in wide_resnet.parameters())
    assert torch.equal(torch.get_rng_state(), generator_state)
    assert torch.equal(x, images)
    assert not x_adv.requires_grad
    assert ((x_adv >= 0) & (x_adv <= 1)).all()


@pytest.mark.parametrize("bind", ATTACKS)
def test_a_constant_model_gives_the_image_back(bind: Bind) -> None:
    x = torch.rand(NUM_SAMPLES, 1, 3, 3, generator=torch.Generator().manual_seed(0))
    assert torch.equal(bind(ALL)(Constant(3.0, -1.0, 0.0), x, torch.zeros(NUM_SAMPLES, dtype=torch.int64)), x)


@pytest.mark.parametrize("bind", ATTACKS)
def test_wrong_labels_in_one_line(bind: Bind) -> None:
    with pytest.raises(ValueError, match=r"labels must lie in 0..1, the model's classes, got 5 to 5"):
        bind(ALL)(linear(), near_grey(NUM_SAMPLES), torch.full((NUM_SAMPLES,), 5))


@needs("foolbox")
def test_as_parts_of_a_suite() -> None:
    model, x = linear(), near_grey(NUM_SAMPLES)
    y, ids = predictions(model, x), [str(i) for i in range(NUM_SAMPLES)]
    deepfool = SuiteAttack("deepfool", lambda model, x, y, _: DeepFool()(model, x, y))
    walk = SuiteAttack("walk", lambda model, x, y, ids: Boundary([int(i) for i in ids], 200)(model, x, y))
    for attack in (deepfool, walk):
        states = [evaluate(model, x, y, ids, [attack], L2(2.0), batch_size=size) for size in (1, 6)]
        assert (states[0].fallen_by != STANDING).all()
        assert torch.allclose(states[0].x_adv, states[1].x_adv, atol=1e-5)


@needs("foolbox")
def test_one_seed_a_sample() -> None:
    with pytest.raises(ValueError, match="expected one seed for each of 6 samples, got 2"):
        Boundary([1, 2])(linear(), near_grey(NUM_SAMPLES), torch.zeros(NUM_SAMPLES, dtype=torch.int64))


@pytest.mark.parametrize("attack", [DeepFool(), Boundary(SEEDS), JSMA()])
def test_without_the_extra_one_line_says_how(
    attack: DeepFool | Boundary | JSMA, monkeypatch: pytest.MonkeyPatch
) -> None:
    def missing(name: str) -> None:
        raise ModuleNotFoundError(f"No module named '{name}'")

    monkeypatch.setattr(external.importlib, "import_module", missing)
    with pytest.raises(UserError, match=r"runs through \w+, .*: in a checkout, pip install '\.\[attacks\]'"):
        attack(linear(), near_grey(NUM_SAMPLES), torch.zeros(NUM_SAMPLES, dtype=torch.int64))
