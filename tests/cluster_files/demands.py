"""What the jobs' recipes ask of one node and of all of them, to be held against what a cluster offers."""

from collections.abc import Iterator
from dataclasses import dataclass

from advgen_ray import recipes
from advgen_ray.config import Config, PoolConfig, SearchConfig, WorkersConfig
from advgen_ray.distributed.resources import per_worker

Resources = dict[str, float]
SOME_GPU = {"GPU": 1.0}  # of a cluster that has any


@dataclass(frozen=True)
class Demand:
    """``count`` bundles that a recipe needs at one time, each within a node."""

    recipe: str
    count: int
    bundle: Resources


def demands() -> list[Demand]:
    """Of every recipe: its workers together, the most actors of its pools, one trial at a time."""
    return [demand for recipe in recipes.listing() for demand in of(recipe.name, recipe.make())]


def of(name: str, config: Config) -> Iterator[Demand]:
    """The demands of a config and of those within it."""
    if isinstance(config, WorkersConfig):
        yield Demand(name, config.num_workers, per_worker(config, SOME_GPU))
    elif isinstance(config, PoolConfig):
        gpus = 1.0 if config.gpus_per_actor is None else config.gpus_per_actor
        yield Demand(name, config.max_actors, {"CPU": float(config.cpus_per_actor), "GPU": gpus})
    elif isinstance(config, SearchConfig):
        yield from of(name, config.job_config)
    for field in type(config).model_fields:
        value = getattr(config, field)
        for part in value if isinstance(value, tuple) else (value,):
            if isinstance(part, Config):
                yield from of(name, part)


def unmet(offer: Resources, num_nodes: int) -> list[str]:
    """The recipes that nodes of one kind cannot serve, ``num_nodes`` of them at most."""
    found = []
    for demand in demands():
        each = min(int(offer.get(name, 0.0) // amount) for name, amount in demand.bundle.items() if amount)
        if each * num_nodes < demand.count:
            found.append(f"{demand.recipe}: {demand.count} of {demand.bundle} on {num_nodes} nodes of {offer}")
    return found
