"""The standard suite decides as the closed form does on linear models, whatever their number of classes or scale."""

import math
import warnings

import pytest
import torch
from torch import Tensor, nn

from advgen_ray.attacks.apgd import APGD
from advgen_ray.attacks.fab import FAB
from advgen_ray.attacks.objectives import misclassified, targeted_dlr
from advgen_ray.attacks.standard import standard
from advgen_ray.attacks.suite import STANDING, attack_of, evaluate
from advgen_ray.attacks.threat_model import L1, L2, Linf
from advgen_ray.rng import Stream
from tests.attacks.known_models import linear

DUAL = {L1: math.inf, L2: 2.0, Linf: 1.0}
FOUR = {"apgd-ce", "apgd-t", "fab-t", "square"}


def distances(model: nn.Sequential, x: Tensor, y: Tensor, kind: type) -> Tensor:
    """Of the nearest image of another class, ``[N]``."""
    weight, logits = model[1].weight.detach(), model(x).detach()
    length = torch.linalg.vector_norm(weight[y][:, None] - weight[None], DUAL[kind], dim=2)
    return torch.where(length == 0, math.inf, (logits.gather(1, y[:, None]) - logits) / length).amin(dim=1)


@pytest.mark.filterwarnings("ignore:.* classes. targeted APGD")
@pytest.mark.parametrize("kind", [L1, L2, Linf])
@pytest.mark.parametrize(("num_classes", "scale"), [(2, 1.0), (3, 1.0), (10, 1.0), (10, 1e4)])
def test_a_linear_model_falls_within_its_distance(
    kind: type[L1] | type[L2] | type[Linf], num_classes: int, scale: float
) -> None:
    """At scale 10,000 cross-entropy is flat: its attack alone would report robustness."""
    model = linear(num_classes)
    x = 0.5 + 0.04 * torch.randn(64, 1, 8, 8, generator=torch.Generator().manual_seed(1))
    y = model(x).argmax(dim=1)
    distance = distances(model, x, y, kind)
    ball = kind(float(distance.median()) * 1.001)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.mul_(scale)
    attacks = standard(ball, num_classes, seed=0, num_steps=20, num_queries=10)
    state = evaluate(model, x, y, [str(i) for i in range(64)], attacks, ball)
    fell = state.fallen_by != STANDING
    assert fell[distance < 0.98 * ball.eps].all()
    assert not fell[distance > 1.0001 * ball.eps].any()
    assert {name.partition("/")[0] for name in state.names} == FOUR


def names(ball: L1 | L2 | Linf, num_classes: int) -> dict[str, int]:
    """How many passes each attack has, in their order."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        all_names = [attack_of(attack.name) for attack in standard(ball, num_classes, seed=0)]
    return {name: all_names.count(name) for name in dict.fromkeys(all_names)}


def test_its_passes() -> None:
    assert names(Linf(0.1), 10) == {"apgd-ce": 1, "apgd-t": 9, "fab-t": 9, "square": 1}
    assert names(L2(0.1), 1000) == {"apgd-ce": 1, "apgd-t": 9, "fab-t": 9, "square": 1}
    assert names(L2(0.1), 5) == {"apgd-ce": 1, "apgd-t": 4, "fab-t": 4, "square": 1}
    assert names(L2(0.1), 2) == {"apgd-ce": 1, "apgd-t": 1, "fab-t": 1, "square": 1}
    assert names(L1(1.0), 10) == {"apgd-ce": 5, "apgd-t": 5, "fab-t": 9, "square": 1}
    assert list(names(L2(0.1), 10)) == ["apgd-ce", "apgd-t", "fab-t", "square"]
    assert [attack.name for attack in standard(L2(0.1), 10, seed=0) if not attack.sees_gradients] == ["square"]


def test_each_target_is_another_class() -> None:
    """The wrong classes by their rank on the clean image, for APGD-T and FAB-T alike."""
    model, ball, ids = linear(4), L2(0.03), [str(i) for i in range(16)]
    x = 0.5 + 0.04 * torch.randn(16, 1, 8, 8, generator=torch.Generator().manual_seed(1))
    ranking = model(x).argsort(dim=1, descending=True)
    y, suite = ranking[:, 0], {attack.name: attack for attack in standard(ball, 4, seed=5, num_steps=3)}
    for rank in (1, 2, 3):
        y_target = ranking[:, rank]
        noise = Stream(5, f"attack/apgd-t/{rank}").normal(ids, x.shape[1:])
        apgd = APGD(ball, 3, lambda _, noise=noise: noise)(model, x, targeted_dlr(y, y_target), misclassified(y))
        assert torch.equal(suite[f"apgd-t/{rank}"].perturb(model, x, y, ids), apgd)
        fab = FAB(2.0, 3)(model, x, y, y_target, within=0.03)
        assert torch.equal(suite[f"fab-t/{rank}"].perturb(model, x, y, ids), fab)


def test_too_few_classes_in_one_line() -> None:
    with pytest.warns(UserWarning, match="3 classes: targeted APGD ascends the margin, as its DLR needs 4"):
        standard(L2(0.1), 3, seed=0)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        standard(L2(0.1), 4, seed=0)
    with pytest.raises(ValueError, match="num_classes must be at least 2, got 1"):
        standard(L2(0.1), 1, seed=0)


def test_the_seed_keys_the_noise() -> None:
    """Another seed finds other images; restarts start elsewhere than the first one."""
    torch.manual_seed(0)
    model = nn.Sequential(nn.Flatten(), nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 10))
    x = torch.rand(8, 1, 8, 8, generator=torch.Generator().manual_seed(1))
    y, ids = model(x).argmax(dim=1), [str(i) for i in range(8)]
    suites = [standard(L1(2.0), 10, seed, num_steps=5, num_queries=5) for seed in (0, 0, 1)]
    for index in (0, 5, -1):  # cross-entropy, the first target, Square
        first, same, other = (suite[index].perturb(model, x, y, ids) for suite in suites)
        assert torch.equal(first, same)
        assert not torch.equal(first, other)
    assert not torch.equal(suites[0][0].perturb(model, x, y, ids), suites[0][1].perturb(model, x, y, ids))
