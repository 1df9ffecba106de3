"""What a job asks of a cluster, in Ray's terms; nothing here starts anything."""

from typing import Any

from advgen_ray.config import Config, PoolConfig, SearchConfig, WorkersConfig
from advgen_ray.distributed import cluster
from advgen_ray.errors import UserError

GPU_IF_ANY = "1 where the cluster has any, else 0"


def describe(config: Config) -> dict[str, Any]:
    """The resources of a job, or of each stage of a study, as ``--dry-run`` shows them."""
    if isinstance(config, SearchConfig):
        return {"trials_at_once": config.max_concurrent_trials, "trial": describe(config.job_config)}
    asked: dict[str, Any] = {}
    for name in type(config).model_fields:
        value = getattr(config, name)
        if isinstance(value, WorkersConfig):
            asked |= _workers(value)
        elif isinstance(value, PoolConfig):
            asked |= _pool(value)
        elif isinstance(value, Config) and describe(value) != {"cpus": 1}:
            asked[name] = describe(value)
    return asked or {"cpus": 1}


def per_worker(workers: WorkersConfig, available: dict[str, float]) -> dict[str, float]:
    """Ray resources of one training worker, given the cluster's totals (``ray.cluster_resources()``)."""
    return _asked(workers.cpus_per_worker, workers.gpus_per_worker, available)


def per_actor(pool: PoolConfig, available: dict[str, float]) -> dict[str, float]:
    """Of one actor of a pool."""
    return _asked(pool.cpus_per_actor, pool.gpus_per_actor, available)


def _asked(cpus: int, gpus: float | None, available: dict[str, float]) -> dict[str, float]:
    if gpus is None:
        gpus = 1.0 if available.get("GPU") else 0.0
    return {"CPU": float(cpus), **({"GPU": gpus} if gpus else {})}


def check_fits(key: str, count: int, resources: dict[str, float], available: dict[str, float]) -> None:
    """Raise UserError, naming ``key``, where so many together ask for more than a cluster that cannot grow has."""
    for name, amount in resources.items():
        if count * amount > available.get(name, 0.0):
            raise UserError(
                f"{key}={count} of {amount:g} {name} each: the cluster has {available.get(name, 0.0):g} {name}; ask "
                "for fewer, or join a larger cluster with --address"
            )


def demand(config: Config, available: dict[str, float]) -> dict[str, float]:
    """What a job holds at once at the least: its workers, its smallest pool; of several stages the largest."""
    asked: dict[str, float] = {}
    for name in type(config).model_fields:
        value = getattr(config, name)
        if isinstance(value, WorkersConfig):
            each, count = per_worker(value, available), value.fewest
        elif isinstance(value, PoolConfig):
            each, count = per_actor(value, available), value.min_actors
        elif isinstance(value, Config):
            each, count = demand(value, available), 1
        else:
            continue
        asked = {key: max(asked.get(key, 0.0), count * each.get(key, 0.0)) for key in {**asked, **each}}
    return asked


def own_process(job: Config) -> dict[str, float] | None:
    """Ray resources of a trial that computes in its own process; None where it waits for workers or actors."""
    import ray

    return demand(job, ray.cluster_resources()) if fits_one_process(job) else None


def fits_one_process(job: Config) -> bool:
    """Whether a trial of the job may compute in its own process: no workers, and pools of one actor each."""
    parts = [getattr(job, name) for name in type(job).model_fields]
    return (
        not any(isinstance(part, WorkersConfig) for part in parts)
        and all(part.max_actors == 1 for part in parts if isinstance(part, PoolConfig))
        and all(fits_one_process(part) for part in parts if isinstance(part, Config))
    )


def room_for_trials(job: Config, name: str, wanted: int) -> int:
    """How many trials of a job run at once on the cluster that is joined, so that none waits for parts of another.

    Raises UserError where one alone asks for more than a cluster that cannot grow has.
    """
    import ray

    available = ray.cluster_resources()
    asked = demand(job, available)
    room = min((int(available.get(key, 0.0) // amount) for key, amount in asked.items() if amount), default=wanted)
    told = " and ".join(f"{amount:g} {key} (of {available.get(key, 0.0):g})" for key, amount in asked.items())
    if room < 1:
        line = f"a trial of {name} holds {told} of the cluster"
        if cluster.is_local():
            raise UserError(f"{line}; lower base.workers or base.pool, or join a larger one with --address")
        print(f"search  {line}; waiting in case it grows", flush=True)
    if not cluster.is_local() or room >= wanted:
        return wanted
    print(f"search  {room} trials at once, not {wanted}: each holds {told}", flush=True)
    return room


def _workers(workers: WorkersConfig) -> dict[str, Any]:
    return {
        "workers": f"{workers.min_workers} to {workers.num_workers}" if workers.min_workers else workers.num_workers,
        **({"groups": workers.num_groups} if workers.num_groups > 1 else {}),
        "cpus_per_worker": workers.cpus_per_worker,
        "gpus_per_worker": GPU_IF_ANY if workers.gpus_per_worker is None else workers.gpus_per_worker,
    }


def _pool(pool: PoolConfig) -> dict[str, Any]:
    return {
        "actors": f"{pool.min_actors} to {pool.max_actors}",
        "cpus_per_actor": pool.cpus_per_actor,
        "gpus_per_actor": GPU_IF_ANY if pool.gpus_per_actor is None else pool.gpus_per_actor,
    }
