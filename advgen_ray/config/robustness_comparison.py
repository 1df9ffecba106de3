"""Accuracy of several classifiers by the radius of the attack: which ones, how far, under which attacks."""

import re
from collections.abc import Iterator
from typing import ClassVar, Literal, NamedTuple, Self

from pydantic import Field, PositiveFloat, PositiveInt, model_validator

from advgen_ray.config.attacks import AttackConfig, check_ball, check_names
from advgen_ray.config.base import Config, Place, Seed
from advgen_ray.config.evaluation import EvaluateRobustnessConfig
from advgen_ray.config.jobs import OUTPUT_AND_POOL
from advgen_ray.config.parts import DataConfig, PoolConfig

NAME = re.compile(r"[\w.-]+")  # of a directory


class AttackSuiteConfig(Config):
    """Attacks that are measured together, image by image at the worst of them; ``standard`` is AutoAttack's four."""

    name: str
    attacks: Literal["standard"] | tuple[AttackConfig, ...]


class Evaluation(NamedTuple):
    """One classifier at one radius under one suite, and where that lies."""

    classifier: str
    suite: str
    eps: float
    config: EvaluateRobustnessConfig


class CompareRobustnessConfig(Config):
    """Accuracy against the test radius (S004 figure 3.7, table 3.14): classifiers by radii by suites (Ray Data).

    Attacks are given at any radius and taken to each of ``radii``, their step sizes with them. Every suite is measured
    by itself; what counts is the worst for each image over all suites, and over all radii up to the one measured. The
    ``reference``, the last classifier if none is named, is what the others are compared with, image by image.
    """

    PLACEMENT: ClassVar[frozenset[str]] = OUTPUT_AND_POOL | {"classifiers"}

    data: DataConfig = DataConfig()
    split: Literal["train", "test"] = "test"
    num_images: PositiveInt | None = None  # the first of the split; null takes all
    classifiers: dict[str, str] = Field({"generative": "runs/one_vs_rest/model", "softmax": "runs/classifier/model"})
    reference: str = ""
    norm: Literal["l1", "l2", "linf"] = "l2"
    radii: tuple[PositiveFloat, ...] = (0.25, 0.5, 0.75, 1.0)
    suites: tuple[AttackSuiteConfig, ...] = (AttackSuiteConfig(name="autoattack", attacks="standard"),)
    batch_size: PositiveInt = 256
    shard_images: PositiveInt = 1000
    seed: Seed = 0
    output: Place = "runs/robustness_comparison"
    pool: PoolConfig = PoolConfig()

    @property
    def compared_with(self) -> str:
        """The name of the reference."""
        return self.reference or list(self.classifiers)[-1]

    def evaluations(self) -> Iterator[Evaluation]:
        """Classifier by classifier, each radius under each suite."""
        for name, uri in self.classifiers.items():
            for eps in self.radii:
                for suite in self.suites:
                    config = EvaluateRobustnessConfig(
                        data=self.data,
                        split=self.split,
                        num_images=self.num_images,
                        classifier=uri,
                        norm=self.norm,
                        eps=eps,
                        attacks=suite.attacks if suite.attacks == "standard" else _at(eps, suite.attacks),
                        batch_size=self.batch_size,
                        shard_images=self.shard_images,
                        seed=self.seed,
                        output=f"{self.output.rstrip('/')}/sets/{name}/{suite.name}-{eps:g}",
                        pool=self.pool,
                    )
                    yield Evaluation(name, suite.name, eps, config)

    @model_validator(mode="after")
    def _names_and_radii(self) -> Self:
        names = [suite.name for suite in self.suites]
        for key, found in (("classifiers", list(self.classifiers)), ("suites", names)):
            if not found or len(set(found)) < len(found):
                raise ValueError(f"{key}: expected different names, at least one, got {found}")
            for name in found:
                if not NAME.fullmatch(name):
                    raise ValueError(f"{key}: {name!r} is to name a directory; take letters, digits, _, . and -")
        if self.compared_with not in self.classifiers:
            raise ValueError(f"reference {self.reference!r}: expected one of {', '.join(self.classifiers)}")
        if not self.radii or list(self.radii) != sorted(set(self.radii)):
            raise ValueError(f"radii: expected different ones in rising order, at least one, got {list(self.radii)}")
        check_ball(self.norm, self.radii[-1], self.data, "radii")
        return self

    @model_validator(mode="after")
    def _attacks_fit(self) -> Self:
        for suite in self.suites:
            if suite.attacks == "standard":
                continue
            if not suite.attacks:
                raise ValueError(f"suites: {suite.name} has no attack; expected 'standard' or a list of attacks")
            for attack in suite.attacks:
                if attack.norm != self.norm or attack.eps == 0:
                    raise ValueError(
                        f"suites: {attack.label} of {suite.name} is {attack.norm} at eps {attack.eps:g}; expected "
                        f"{self.norm} at a positive radius"
                    )
            check_names(_at(1.0, suite.attacks))
        return self


def _at(eps: float, attacks: tuple[AttackConfig, ...]) -> tuple[AttackConfig, ...]:
    """The attacks at another radius: steps that cross the same share of the ball."""
    return tuple(
        attack.model_copy(
            update={"eps": eps, "step_size": attack.step_size and round(attack.step_size * eps / attack.eps, 9)}
        )
        for attack in attacks
    )
