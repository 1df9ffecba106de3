"""What a config may ask of an attack: as many steps as its kind needs, a start that has a slope, runs that differ."""

import pytest

from advgen_ray.config import AttackConfig, EvaluateRobustnessConfig


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
