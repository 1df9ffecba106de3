"""A work in a place of its own: its config there, its seeds, and the words that run it alone."""

import shlex
from typing import Any

from advgen_ray import recipes
from advgen_ray.catalogue.entry import Work
from advgen_ray.config import Config
from advgen_ray.config.programs import JOBS

RUNS = "runs/"  # where recipes put results, and look for those of others
SEEDS_APART = 10_000  # further than a recipe's own seeds lie from one another


def config_of(work: Work, root: str, seed: int) -> Config:
    """The config of a work whose results, and those that it reads, lie under ``root`` instead of runs/."""
    config = recipes.find(work.recipe, JOBS[work.job]).override(list(work.settings))
    return type(config).parse(_moved(config.model_dump(mode="json"), root, seed * SEEDS_APART))


def command(work: Work) -> str:
    """What runs the work by itself, in runs/."""
    words = ["python", f"jobs/{work.job}.py", "--recipe", work.recipe]
    return shlex.join([*words, *(word for setting in work.settings for word in ("--set", setting))])


def _moved(value: Any, root: str, by: int, key: str = "") -> Any:
    if isinstance(value, dict):
        setting = str(value.get("key", "values"))  # of a search: its values are of what it names
        return {name: _moved(inner, root, by, setting if name == "values" else name) for name, inner in value.items()}
    if isinstance(value, list):
        return [_moved(inner, root, by, key) for inner in value]
    if isinstance(value, str) and value.startswith(RUNS):
        return f"{root.rstrip('/')}/{value.removeprefix(RUNS)}"
    last = key.rpartition(".")[2]
    if isinstance(value, int) and not isinstance(value, bool) and (last == "seed" or last.endswith(("_seed", "seeds"))):
        return value + by
    return value
