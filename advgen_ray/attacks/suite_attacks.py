"""From attacks to parts of a suite: whatever an attack draws is keyed by item, whatever it aims at is found first."""

from collections.abc import Callable, Sequence
from typing import Protocol

from torch import Tensor, nn

from advgen_ray.attacks.fab import FAB
from advgen_ray.attacks.forward import logits_of
from advgen_ray.attacks.labels import ranked_target
from advgen_ray.attacks.objectives import Objective, Until, margin, misclassified
from advgen_ray.attacks.square import Square
from advgen_ray.attacks.suite import SuiteAttack
from advgen_ray.attacks.threat_model import Ball
from advgen_ray.rng import StartNoise, Stream, keyed

ObjectiveOf = Callable[[Tensor, Tensor], Objective]
"""``objective_of(clean_logits, y) -> objective``: aims at the clean prediction's likeliest wrong class, for one."""


class Ascent(Protocol):
    """PGD, APGD and Square: what ascends an objective."""

    def __call__(self, model: nn.Module, x: Tensor, objective: Objective, until: Until | None = None) -> Tensor:
        """``x_adv``, ended where ``until`` holds."""


def ascent(name: str, seed: int, build: Callable[[StartNoise], Ascent], objective_of: ObjectiveOf) -> SuiteAttack:
    """An ascent with a random start, such as ``build = lambda noise: APGD(Linf(8 / 255), 100, noise)``.

    Restarts are attacks of their own: the name is part of the key of their noise.
    """
    stream = Stream(seed, f"attack/{name}")

    def perturb(model: nn.Module, x: Tensor, y: Tensor, item_ids: Sequence[str]) -> Tensor:
        attack = build(keyed(stream, item_ids))
        return attack(model, x, objective_of(logits_of(model, x), y), misclassified(y))

    return SuiteAttack(name, perturb)


def square(name: str, seed: int, threat_model: Ball, num_queries: int) -> SuiteAttack:
    """Square on the margin: black box."""
    stream = Stream(seed, f"attack/{name}")

    def perturb(model: nn.Module, x: Tensor, y: Tensor, item_ids: Sequence[str]) -> Tensor:
        def draws(step: int, shape: Sequence[int]) -> Tensor:
            return stream.uniform(item_ids, shape, step)

        return Square(threat_model, num_queries, draws)(model, x, margin(y), misclassified(y))

    return SuiteAttack(name, perturb, sees_gradients=False)


def fab_targeted(name: str, attack: FAB, eps: float, rank: int) -> SuiteAttack:
    """FAB-T towards the wrong class of the given rank (0: the likeliest), until within ``eps``."""

    def perturb(model: nn.Module, x: Tensor, y: Tensor, item_ids: Sequence[str]) -> Tensor:
        return attack(model, x, y, ranked_target(model, x, y, rank), within=eps)

    return SuiteAttack(name, perturb)
