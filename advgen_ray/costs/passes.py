"""How often a job evaluates which networks; a step back through a network counts as two evaluations."""

from collections.abc import Iterable
from functools import singledispatch
from typing import NamedTuple

from advgen_ray.attacks.cw import CW
from advgen_ray.config import AttackConfig, Config
from advgen_ray.data.catalog import CATALOG, SIZES
from advgen_ray.errors import UserError

FORWARD_AND_BACK = 3.0
AUTOATTACK = (
    AttackConfig(kind="apgd", num_steps=100),
    AttackConfig(kind="apgd", objective="dlr", targeted=True, num_steps=100),
    AttackConfig(kind="fab", targeted=True, num_steps=100),
    AttackConfig(kind="square", num_steps=5000),
)


class Passes(NamedTuple):
    """Of the network at a place: how many images pass through it."""

    network: str
    images: float


@singledispatch
def passes_of(config: Config) -> list[Passes]:
    """Of a whole job, at most: images that fall to an attack, or reach their aim, are not attacked further.

    ``config`` is a job's. Raises NotImplementedError for one that evaluates no network of its own, such as a report.
    """
    raise NotImplementedError(type(config).__name__)


def split_size(name: str, split: str, num_images: int | None = None) -> int:
    """Images of a split, at most so many; raises UserError for data whose size only its files know."""
    if name not in SIZES:
        raise UserError(f"data {name}: its size is not known before its files are read")
    whole = SIZES[name][0 if split == "train" else 1]
    return whole if num_images is None else min(whole, num_images)


def num_classes(name: str) -> int:
    """Of a data set."""
    return CATALOG[name].num_classes


def of_attack(attack: AttackConfig, classes: int) -> float:
    """Evaluations that one image takes."""
    every_target = attack.targeted or attack.kind == "highest_logit"
    aims = min(attack.num_targets, classes - 1) if every_target else 1
    runs = attack.num_steps * attack.num_restarts * aims
    every_class = 1.0 + 2.0 * classes  # forward once, back from each logit
    return {
        "pgd": FORWARD_AND_BACK * runs,
        "apgd": FORWARD_AND_BACK * runs,
        "highest_logit": FORWARD_AND_BACK * runs,
        "fab": (FORWARD_AND_BACK + 2.0 if attack.targeted else every_class) * runs,
        "square": 1.0 * runs,
        "cw": FORWARD_AND_BACK * runs * CW.num_search_steps,
        "lbfgs": FORWARD_AND_BACK * runs,
        "deepfool": every_class * runs,
        "jsma": every_class * runs,
        "boundary": 1.0 * runs,
    }[attack.kind]


def of_attacks(attacks: Iterable[AttackConfig], classes: int) -> float:
    """Evaluations that one image takes under all of them."""
    return sum(of_attack(attack, classes) for attack in attacks)


def together(parts: Iterable[Config]) -> list[Passes]:
    """Those of several jobs."""
    return [one for part in parts for one in passes_of(part)]
