"""The map shape: the missing shards of a result set, over an autoscaling pool of Ray Data actors."""

import logging
import os
from collections.abc import Callable, Iterator
from typing import Any

import ray
import torch

from advgen_ray.config import PoolConfig
from advgen_ray.distributed.actors import RowMaker, ShardActor
from advgen_ray.distributed.cluster import connect, is_local
from advgen_ray.distributed.progress import Progress
from advgen_ray.errors import UserError
from advgen_ray.storage import ResultSet


def run_map(name: str, result_set: ResultSet, load: Callable[[torch.device], RowMaker], pool: PoolConfig) -> None:
    """Compute what is missing of ``result_set`` and commit it.

    ``load(device)`` runs once in each actor and gives the function that makes a shard's rows. Rows go from the
    actors straight to storage: through the driver pass shard numbers and counts only, so its memory is flat.
    Raises UserError for a mistake that an actor found, RuntimeError with its traceback for a defect.
    """
    missing = result_set.missing()
    with Progress(name, result_set.num_shards, result_set.num_shards - len(missing)) as progress:
        if missing:
            connect()
            for report in _reports(result_set, load, pool, missing):
                _raise_failure(name, report)
                progress.add(int(report["num_rows"]))
        result_set.commit(progress.seconds)


def _reports(
    result_set: ResultSet, load: Callable[[torch.device], RowMaker], pool: PoolConfig, missing: list[int]
) -> Iterator[dict[str, Any]]:
    """What the actors say of each shard, as they finish."""
    _quiet_ray_data()
    gpus = _gpus_per_actor(pool)
    _check_fits(pool, gpus)
    # One block a shard: the unit that Ray hands out, retries after a lost actor, and reports.
    shards = ray.data.from_items([{"shard": index} for index in missing], override_num_blocks=len(missing))
    reports = shards.map_batches(
        ShardActor,
        fn_constructor_args=(result_set, load, pool.cpus_per_actor, "cuda" if gpus else "cpu", os.getcwd()),
        batch_size=1,
        compute=ray.data.ActorPoolStrategy(
            min_size=min(pool.min_actors, len(missing)),
            max_size=min(pool.max_actors, len(missing)),
            max_tasks_in_flight_per_actor=1,  # none waits in the queue of a busy actor while another is idle
        ),
        num_cpus=pool.cpus_per_actor,
        num_gpus=gpus,
    )
    yield from reports.iter_rows()


def _gpus_per_actor(pool: PoolConfig) -> float:
    """What the config says, else one where the cluster has any."""
    if pool.gpus_per_actor is not None:
        return pool.gpus_per_actor
    return 1.0 if ray.cluster_resources().get("GPU") else 0.0


def _check_fits(pool: PoolConfig, gpus: float) -> None:
    """A cluster that cannot grow would leave the job waiting for ever."""
    for name, amount in (("CPU", pool.cpus_per_actor), ("GPU", gpus)):
        available = ray.cluster_resources().get(name, 0.0)
        if is_local() and pool.min_actors * amount > available:
            raise UserError(
                f"pool.min_actors={pool.min_actors} of {amount:g} {name} each: the cluster has {available:g} {name}; "
                "ask for fewer, or join a larger cluster with --address"
            )


def _raise_failure(name: str, report: dict[str, Any]) -> None:
    if report["mistake"]:
        raise UserError(report["mistake"])
    if report["defect"]:
        raise RuntimeError(f"{name}: shard {report['shard']} failed in an actor:\n{report['defect']}")


def _quiet_ray_data() -> None:
    """Our own progress lines replace Ray Data's bars and notices; its warnings stay."""
    ray.data.DataContext.get_current().enable_progress_bars = False
    logging.getLogger("ray.data").setLevel(logging.WARNING)
    logging.getLogger("ray.data._internal.progress").setLevel(logging.ERROR)
