"""Named, complete configs by data set: functions whose docstring states the published result they aim at."""

import difflib
import inspect
from collections.abc import Callable
from dataclasses import dataclass
from types import ModuleType

from advgen_ray.config import Config
from advgen_ray.config.base import ConfigT
from advgen_ray.errors import UserError
from advgen_ray.recipes import (
    binary,
    binary_ablation,
    cifar10,
    cifar10_counterfactuals,
    cifar100,
    demo,
    detection,
    digits,
    digits_counterfactuals,
    digits_ratings,
    digits_robust,
    explanation,
    generative_classifier,
    imagenette,
    mnist,
    one_vs_rest,
    one_vs_rest_evaluation,
    ood,
    ood_training,
    plane,
    reproduction,
    restoration,
    service,
    svhn,
    synthesis,
    tiny_imagenet,
)

_MODULES: tuple[ModuleType, ...] = (
    digits,
    digits_robust,
    digits_counterfactuals,
    digits_ratings,
    demo,
    mnist,
    cifar10,
    cifar10_counterfactuals,
    cifar100,
    svhn,
    tiny_imagenet,
    imagenette,
    plane,
    binary,
    one_vs_rest,
    one_vs_rest_evaluation,
    ood_training,
    ood,
    synthesis,
    detection,
    generative_classifier,
    binary_ablation,
    restoration,
    explanation,
    reproduction,
    service,
)  # the first with a config type is its default


# For what names them by number: docstrings, and so the help of jobs and the list of recipes.
DOCUMENTS = (
    "S000 is Yeats et al. 2024, S001 Mirza et al. 2024, S002 notes on S000, S003 Beadini and Masi 2023, S004 Yin 2022."
)


@dataclass(frozen=True)
class Recipe:
    """A named function that returns a full config of one job."""

    name: str
    config_type: type[Config]
    make: Callable[[], Config]

    @property
    def summary(self) -> str:
        """First line of the recipe's docstring."""
        return (inspect.getdoc(self.make) or "").splitlines()[0]


def listing() -> list[Recipe]:
    """All recipes, digits first."""
    found = []
    for module in _MODULES:
        for name, function in vars(module).items():
            own = inspect.isfunction(function) and function.__module__ == module.__name__
            if own and not name.startswith("_"):
                found.append(Recipe(name, inspect.signature(function).return_annotation, function))
    return found


def find(name: str | None, config_type: type[ConfigT]) -> ConfigT:
    """The recipe's config, or the digits one of this job when no name is given; raises UserError with near names."""
    fitting = {recipe.name: recipe for recipe in listing() if recipe.config_type is config_type}
    if name is None:
        name = next(iter(fitting))
    if name not in fitting:
        near = difflib.get_close_matches(name, list(fitting), n=1, cutoff=0.3)
        hint = f"did you mean {near[0]!r}?" if near else "see them with: advgen recipes"
        raise UserError(f"--recipe {name!r}: this job has no such recipe ({', '.join(fitting)}); {hint}")
    config = fitting[name].make()
    assert isinstance(config, config_type)
    return config
