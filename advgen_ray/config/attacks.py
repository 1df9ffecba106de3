"""How an attack is described: one config for training, scoring and robust evaluation."""

import math
from typing import Literal, Self

from pydantic import Field, NonNegativeFloat, PositiveFloat, PositiveInt, model_validator

from advgen_ray.config.base import Config
from advgen_ray.config.parts import DataConfig
from advgen_ray.data.catalog import CATALOG
from advgen_ray.errors import UserError

TARGETED_KINDS = ("pgd", "apgd", "fab")
TARGETED_OBJECTIVES = ("cross_entropy", "dlr", "margin", "logit")
NORMS_OF = {"cw": ("l2",), "deepfool": ("l2", "linf"), "boundary": ("l2",), "jsma": ("l1",), "lbfgs": ("l2",)}
# Of kinds that need more than the 8 of PGD (of jsma, which goes on until it has raised every element, nobody reads it):
# AutoAttack's standard, S001's CW (figure C), Szegedy's and foolbox's own.
NUM_STEPS = {"apgd": 100, "fab": 100, "square": 5000, "cw": 200, "deepfool": 50, "boundary": 25_000, "lbfgs": 100}
DRAWS_NOTHING = ("cw", "deepfool", "jsma", "lbfgs")


class AttackConfig(Config):
    """An attack; ``eps`` and ``step_size`` are in [0, 1] pixel units.

    ``objective`` is what ``pgd`` and ``apgd`` ascend in scoring and evaluation (in training the loss decides it):
    ``high_energy`` is S003's HE-PGD with weight ``energy_weight``. ``targeted`` attacks aim at each of the
    ``num_targets`` most likely wrong classes in turn: at its ``logit`` alone, at its ``margin`` over the label's, else
    at the targeted DLR. ``highest_logit`` is S004's attack on generative classifiers (equations 3.47, 3.48): PGD on the
    logit of each target, of which the highest one is the only candidate. ``fab``, ``cw``, ``deepfool``,
    ``boundary`` and ``lbfgs`` look for the nearest adversarial image; ``deepfool``, ``boundary`` and ``jsma`` need the
    extra ``attacks``.
    """

    kind: Literal[
        "pgd", "apgd", "highest_logit", "fab", "square", "cw", "deepfool", "boundary", "jsma", "lbfgs"
    ] = "pgd"  # fmt: skip
    norm: Literal["l1", "l2", "linf"] = "l2"
    eps: float = 0.5
    num_steps: PositiveInt = Field(default_factory=lambda given: NUM_STEPS.get(given.get("kind"), 8))  # square: queries
    step_size: PositiveFloat | None = None  # of pgd and highest_logit
    start: Literal["uniform", "near", "image"] = "uniform"  # pgd: in the ball, at distance ~.001 (TRADES), at x
    objective: Literal["cross_entropy", "margin", "dlr", "kl", "high_energy", "logit"] = "cross_entropy"
    energy_weight: NonNegativeFloat = 1.2
    targeted: bool = False
    num_targets: PositiveInt = 9
    num_restarts: PositiveInt = 1
    name: str = ""  # what tables and figures call it; empty: named after kind and objective

    @model_validator(mode="after")
    def _eps_in_pixel_units(self) -> Self:
        check_ball(self.norm, self.eps)
        return self

    @model_validator(mode="after")
    def _name_is_free(self) -> Self:
        if self.name == "clean":
            raise ValueError("name: 'clean' is what images without an attack are called; give another name")
        return self

    @model_validator(mode="after")
    def _fits_kind(self) -> Self:
        if self.targeted and self.kind not in TARGETED_KINDS:
            raise ValueError(f"targeted: {self.kind} has no targeted form here, expected {' or '.join(TARGETED_KINDS)}")
        if self.targeted and self.kind != "fab" and self.objective not in TARGETED_OBJECTIVES:
            known = ", ".join(TARGETED_OBJECTIVES)
            raise ValueError(f"objective: {self.objective} aims at no target, expected one of {known}")
        if self.objective == "logit" and not self.targeted:
            raise ValueError("objective logit: of which class? set targeted=true")
        if self.norm not in NORMS_OF.get(self.kind, ("l1", "l2", "linf")):
            raise ValueError(f"{self.kind} is defined in {' and '.join(NORMS_OF[self.kind])} only, got {self.norm}")
        from_image = self.start == "image" and self.kind in ("pgd", "highest_logit")
        if from_image and self.kind == "pgd" and self.objective == "kl":
            raise ValueError("start image: the divergence of objective kl is flat there; take near or uniform")
        if self.num_restarts > 1 and (from_image or self.kind in DRAWS_NOTHING):
            raise ValueError(
                f"num_restarts: {self.kind}{' from the image' if from_image else ''} draws nothing, so that all of "
                f"{self.num_restarts} runs would be the same one; take 1{', or start uniform' if from_image else ''}"
            )
        return self

    @property
    def label(self) -> str:
        """The name given, or one that says what the attack does: ``apgd-dlr``, ``fab-targeted``."""
        if self.name:
            return self.name
        ascends = self.kind in ("pgd", "apgd") and self.objective != "cross_entropy"
        words = [self.kind, *([self.objective] if ascends else []), *(["targeted"] if self.targeted else [])]
        return "-".join(words)

    @property
    def least_classes(self) -> int:
        """How many the data must have: the difference of logits ratio (DLR) looks at three logits, targeted at four."""
        if self.kind not in ("pgd", "apgd"):
            return 2
        if self.targeted:
            return 2 if self.objective in ("logit", "margin") else 4
        return 3 if self.objective == "dlr" else 2

    def resolved_step_size(self) -> float:
        """The step given, or 2.5 eps / num_steps: enough to cross the ball and come back (Madry et al.)."""
        return self.step_size if self.step_size is not None else 2.5 * self.eps / self.num_steps


def check_ball(norm: str, eps: float | None, data: DataConfig | None = None, key: str = "eps") -> None:
    """Raise ValueError for a radius whose units are wrong: in L2 one beyond half the image's diagonal, in any image.

    Without ``data`` only what holds of all images is checked; without a radius there is nothing to check.
    """
    if eps is None:
        return
    if eps < 0:
        raise ValueError(f"{key} must be zero or positive, got {eps}")
    told, of_255 = f"{key} is in [0, 1] pixel units, got {eps}", f"of 255 that would be {eps / 255:.5f}"
    if norm == "linf" and eps > 1:
        raise ValueError(f"{told}; {of_255}")
    if norm == "l2" and data and data.name in CATALOG:
        half_diagonal = math.sqrt(math.prod(CATALOG[data.name].image_shape)) / 2
        if eps > half_diagonal:
            raise ValueError(f"{told}, beyond half the diagonal of a {data.name} image ({half_diagonal:.1f}); {of_255}")


def check_radius(attack: AttackConfig, data: DataConfig) -> None:
    """``check_ball`` of an attack's ball."""
    check_ball(attack.norm, attack.eps, data)


def check_names(attacks: tuple[AttackConfig, ...]) -> None:
    """Raise ValueError where two attacks have the same name and radius: rows are told apart by them."""
    seen: set[tuple[str, float]] = set()
    for attack in attacks:
        if (attack.label, attack.eps) in seen:
            raise ValueError(f"attacks: two are called {attack.label!r} at eps {attack.eps}; give one another name")
        seen.add((attack.label, attack.eps))


def check_different(key: str, labels: list[str]) -> None:
    """Raise ValueError unless there are any, each labelled for itself: rows are told apart by their labels."""
    if len(set(labels)) < max(len(labels), 1):
        raise ValueError(f"{key}: expected different ones, at least one; got {', '.join(labels) or 'none'}")


def check_classes(
    attacks: Literal["standard"] | tuple[AttackConfig, ...], num_classes: int, key: str = "attacks"
) -> None:
    """Raise UserError for an attack on data of fewer classes than its objective is defined for."""
    for attack in () if attacks == "standard" else attacks:  # which has the margin for the DLR of few classes
        if num_classes < attack.least_classes:
            raise UserError(
                f"{key}: {attack.label} ascends a DLR, which needs {attack.least_classes} classes; the data has "
                f"{num_classes}, take objective margin"
            )


def check_attacks(attacks: tuple[AttackConfig, ...], data: DataConfig) -> None:
    """Raise ValueError unless each has a positive radius that fits the images, and none another's name and radius."""
    for attack in attacks:
        check_radius(attack, data)
        if attack.eps == 0:
            raise ValueError(f"attacks: {attack.label} has eps 0, expected a positive radius")
    check_names(attacks)


def check_training_attack(attack: AttackConfig, key: str = "attack") -> None:
    """Raise ValueError for an attack that training does not make: it takes one run of PGD on what the loss says."""
    if attack.kind != "pgd":
        raise ValueError(f"{key}.kind: training attacks with pgd, got {attack.kind}")
    if attack.targeted:
        raise ValueError(f"{key}.targeted: training attacks away from the label; leave it out")
    if attack.objective != "cross_entropy" or attack.num_restarts > 1:
        raise ValueError(
            f"{key}: training attacks once and its loss chooses the objective; got {attack.objective} and "
            f"{attack.num_restarts} restarts, which evaluation knows"
        )
