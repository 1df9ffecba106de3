"""What a config may ask of an attack: as many steps as its kind needs, a start that has a slope, runs that differ."""

import pytest

from advgen_ray.config import AttackConfig, EvaluateRobustnessConfig
from advgen_ray.errors import UserError


@pytest.mark.parametrize(
    ("kind", "num_steps"),
    [
        ("pgd", 8), ("highest_logit", 8), ("apgd", 100), ("fab", 100), ("square", 5000), ("cw", 200), ("lbfgs", 100),
        ("deepfool", 50), ("boundary", 25_000),
    ],
)  # fmt: skip
def test_each_kind_takes_the_steps_that_it_needs(kind: str, num_steps: int) -> None:
    norm = "linf" if kind == "apgd" else "l2"
    config = EvaluateRobustnessConfig().override([f"norm={norm}", f"attacks=[{{kind: {kind}, norm: {norm}}}]"])
    (attack,) = config.attacks
    assert isinstance(attack, AttackConfig)
    assert attack.num_steps == num_steps
    assert AttackConfig.parse({"kind": kind, "num_steps": 3}).num_steps == 3
    assert attack.content()["num_steps"] == num_steps, "what is stored names them"


def test_digests_of_attacks_whose_steps_are_given_stay() -> None:
    assert AttackConfig().digest() == AttackConfig(num_steps=8).digest() == "8bbf998e32116140"
    assert AttackConfig(kind="cw", num_steps=20).digest() == "c5f7facf7de9155e"


def _refused(values: dict[str, object]) -> str:
    with pytest.raises(UserError) as caught:
        AttackConfig.parse(values)
    return str(caught.value)


def test_the_divergence_is_not_ascended_from_the_image() -> None:
    assert _refused({"objective": "kl", "start": "image"}).startswith("start image: the divergence of objective kl")
    AttackConfig(objective="kl", start="near")
    AttackConfig(kind="apgd", objective="kl", start="image")  # which does not read start: its own is random


@pytest.mark.parametrize("kind", ["cw", "deepfool", "lbfgs", "jsma"])
def test_an_attack_that_draws_nothing_is_not_restarted(kind: str) -> None:
    norm = "l1" if kind == "jsma" else "l2"
    found = _refused({"kind": kind, "norm": norm, "num_restarts": 2})
    assert found == f"num_restarts: {kind} draws nothing, so that all of 2 runs would be the same one; take 1"


@pytest.mark.parametrize("kind", ["pgd", "highest_logit"])
def test_an_attack_from_the_image_is_not_restarted(kind: str) -> None:
    assert _refused({"kind": kind, "start": "image", "num_restarts": 2}).endswith("take 1, or start uniform")
    AttackConfig(kind=kind, num_restarts=2)
    AttackConfig(kind="fab", start="image", num_restarts=2)
