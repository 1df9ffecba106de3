"""What a job asks of a cluster, in Ray's terms; nothing here starts anything."""

from typing import Any

from advgen_ray.config import Config, PoolConfig, WorkersConfig
from advgen_ray.errors import UserError

GPU_IF_ANY = "1 where the cluster has any, else 0"


def describe(config: Config) -> dict[str, Any]:
    """The resources of a job, or of each stage of a study, as ``--dry-run`` shows them."""
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
    gpus = workers.gpus_per_worker
    if gpus is None:
        gpus = 1.0 if available.get("GPU") else 0.0
    return {"CPU": float(workers.cpus_per_worker), **({"GPU": gpus} if gpus else {})}


def check_fits(num_workers: int, resources: dict[str, float], available: dict[str, float]) -> None:
    """Raise UserError where the workers together ask for more than a cluster that cannot grow has."""
    for name, amount in resources.items():
        if num_workers * amount > available.get(name, 0.0):
            raise UserError(
                f"workers.num_workers={num_workers} of {amount:g} {name} each: the cluster has "
                f"{available.get(name, 0.0):g} {name}; ask for fewer, or join a larger cluster with --address"
            )


def _workers(workers: WorkersConfig) -> dict[str, Any]:
    return {
        "workers": workers.num_workers,
        "cpus_per_worker": workers.cpus_per_worker,
        "gpus_per_worker": GPU_IF_ANY if workers.gpus_per_worker is None else workers.gpus_per_worker,
    }


def _pool(pool: PoolConfig) -> dict[str, Any]:
    return {
        "actors": f"{pool.min_actors} to {pool.max_actors}",
        "cpus_per_actor": pool.cpus_per_actor,
        "gpus_per_actor": GPU_IF_ANY if pool.gpus_per_actor is None else pool.gpus_per_actor,
    }
