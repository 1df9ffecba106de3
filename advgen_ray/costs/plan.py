"""What the rows of the catalogue would take: network evaluations, hours of a card, storage, money."""

from typing import Any, NamedTuple

from advgen_ray.catalogue import chosen
from advgen_ray.catalogue.entry import Work, in_order
from advgen_ray.catalogue.placing import config_of
from advgen_ray.config import Config, CounterfactualsConfig, ReproduceConfig
from advgen_ray.costs import maps, trainings
from advgen_ray.costs.maps import num_counterfactuals
from advgen_ray.costs.networks import Network, networks_of
from advgen_ray.costs.passes import passes_of
from advgen_ray.costs.study import parts_of
from advgen_ray.data.catalog import CATALOG

__all__ = ["maps", "plan", "trainings"]  # the formulas of every job, which are known once they are imported

BYTES_OF_A_NUMBER = 4
COPIES = 4  # of a network's weights: the model, and a checkpoint with Adam's moments
ROOT = "runs"


class Cost(NamedTuple):
    """At most."""

    evaluations: float  # of networks, for one image each; a step back counts as two
    flops: float
    stored_bytes: float

    def __add__(self, other: Any) -> "Cost":
        """Of both."""
        return Cost(*(mine + theirs for mine, theirs in zip(self, other, strict=True)))


NOTHING = Cost(0.0, 0.0, 0.0)


def plan(config: ReproduceConfig) -> dict[str, Any]:
    """A line a row, each with all the jobs that it needs, and the total, in which every job is counted once.

    Raises UserError for a row that does not exist.
    """
    needed = {row.id: in_order(list(row.works(config.scale).values())) for row in chosen(config.rows)}
    costs = _costs(in_order([work for works in needed.values() for work in works]), config.num_seeds)
    return {
        "card": f"gives {config.card_teraflops:g} TFLOP/s, at {config.price_per_hour:g} an hour",
        "rows": [
            {"row": row} | _told(sum((costs[work] for work in works), NOTHING), config) for row, works in needed.items()
        ],
        "total": _told(sum(costs.values(), NOTHING), config),
        "at_most": "what falls to an attack is not attacked again; a row has all its jobs, the total each job once",
    }


def _costs(works: list[Work], num_seeds: int) -> dict[Work, Cost]:
    """Of each work for all seeds, whose configs it makes one by one, as a run would."""
    costs = dict.fromkeys(works, NOTHING)
    for seed in range(num_seeds):
        known: dict[str, Network] = {}
        for work in works:
            parts = parts_of(config_of(work, ROOT, seed))
            costs[work] = sum((_cost(part, known) for part in parts), costs[work])
    return costs


def _cost(job: Config, known: dict[str, Network]) -> Cost:
    """Of a job, whose networks become known to those after it."""
    made = networks_of(job, known)
    known |= made
    passes = passes_of(job)
    return Cost(
        evaluations=sum(one.images for one in passes),
        flops=sum(one.images * known[one.network].flops for one in passes),
        stored_bytes=BYTES_OF_A_NUMBER * COPIES * sum(one.num_weights for one in made.values()) + _of_images(job),
    )


def _of_images(job: Config) -> float:
    """Of counterfactuals, as large as they are before they are compressed."""
    if not isinstance(job, CounterfactualsConfig):
        return 0.0
    channels, height, width = CATALOG[job.data.name].image_shape
    return BYTES_OF_A_NUMBER * channels * height * width * num_counterfactuals(job)


def _told(cost: Cost, config: ReproduceConfig) -> dict[str, Any]:
    hours = cost.flops / (config.card_teraflops * 1e12) / 3600
    return {
        "evaluations": float(f"{cost.evaluations:.3g}"),
        "gpu_hours": float(f"{hours:.3g}"),
        "gigabytes": round(cost.stored_bytes / 1e9, 1),
        "price": round(hours * config.price_per_hour, 2),
    }
