"""The training shape: Ray Train worker groups run tasks one after the other, killed and resumed at will."""

import hashlib
import os
from collections.abc import Sequence
from typing import Any

import pyarrow.fs

from advgen_ray.config import WorkersConfig
from advgen_ray.distributed import cluster, train_storage
from advgen_ray.distributed.resources import check_fits, per_worker
from advgen_ray.distributed.session import Session, Task, not_seen, run_tasks
from advgen_ray.distributed.train_ends import given_up
from advgen_ray.distributed.train_watch import Describe, Group, OnEnd, OnRecord, watch
from advgen_ray.errors import UserError
from advgen_ray.storage.filesystem import common_parent, ensure_writable, resolve

__all__ = ["Describe", "Session", "Task", "run_training"]

RUNS = "train"  # Ray Train's files, beside the outputs
NUM_CHECKPOINTS = 2
AROUND_A_TASK = 4e10  # operations a CPU's core could do while a task loads its images and stores its model


def run_training(
    tasks: Sequence[Task],
    workers: WorkersConfig,
    describe: Describe,
    on_record: OnRecord,
    on_end: OnEnd = lambda task: None,
) -> list[dict[str, Any]]:
    """Train what is unfinished and return every task's model card.

    Tasks share ``workers.num_groups`` worker groups, one each if there are fewer tasks: starting a group costs tens
    of seconds of imports on a small machine, more than a small model takes to train. A model that is there already,
    made by the same config, is kept. Killed workers continue from the latest checkpoint; after a killed driver the
    same call does. Raises UserError for a place that holds something else or cannot be written, for more than the
    cluster has, and for mistakes that a worker finds; IncompleteError where workers died more often than
    ``workers.max_failures`` allows, or what leads them was lost.
    """
    groups, place = shared_out(tasks, workers.num_groups), common_parent([task.output for task in tasks])
    unfinished = [task for task in tasks if not _kept(task)]
    if unfinished:
        for task in unfinished:
            ensure_writable(task.output)
            if not task.progress():
                task.write_progress(None)
        cluster.connect()
        _fit(groups, place, workers, describe, on_record, on_end)
    for group in groups:  # also what a driver left that was killed behind its last model
        train_storage.remove(f"{place}/{RUNS}", _run_name(group, place))
    cards = [task.card() for task in tasks]
    assert all(cards), "a training that ended without a mistake leaves a model"
    return [card for card in cards if card]


def shared_out(tasks: Sequence[Task], num_groups: int) -> list[list[Task]]:
    """What each group is to train: the costliest first, each task to the group that has least to do so far."""
    groups: list[list[Task]] = [[] for _ in range(min(num_groups, len(tasks)))]
    for task in sorted(tasks, key=lambda task: -task.cost):
        min(groups, key=lambda group: sum(one.cost + AROUND_A_TASK for one in group)).append(task)
    return [[task for task in tasks if task in group] for group in groups]


def _kept(task: Task) -> bool:
    """Whether the task's model is there; raises UserError where the output belongs to something else."""
    if task.finished():
        print(f"{task.name}: {task.output}/model is finished, nothing to train", flush=True)
        return True
    occupant = task.card() or task.progress()
    if occupant and occupant.get("config_digest") != task.digest:
        raise UserError(
            f"output {task.output}: holds a training of config {occupant.get('config_digest')}, this one is "
            f"{task.digest}{', by its config and its images' if task.images else ''}; choose another place with --set "
            "output=... or remove that one"
        )
    return False


def _fit(
    groups: list[list[Task]],
    place: str,
    workers: WorkersConfig,
    describe: Describe,
    on_record: OnRecord,
    on_end: OnEnd,
) -> None:
    import ray

    tasks = [task for group in groups for task in group]
    storage = f"{place}/{RUNS}"
    resources = _resources(workers, ray.cluster_resources())
    working = [group for group in groups if not all(task.finished() for task in group)]
    threads = [Group(_trainer(group, workers, resources, storage, _run_name(group, place)).fit) for group in working]
    watch(threads, tasks, describe, on_record, on_end)
    for thread in threads:
        if thread.error:
            raise given_up(thread.error, workers) or thread.error
        if thread.result.return_value:
            raise UserError(thread.result.return_value)


def _trainer(tasks: list[Task], workers: WorkersConfig, resources: dict[str, float], storage: str, name: str) -> Any:
    from ray.train import CheckpointConfig, FailureConfig, RunConfig, ScalingConfig
    from ray.train.torch import TorchTrainer

    from advgen_ray.distributed.train_backend import UsableBackend

    filesystem, path = resolve(storage)
    return TorchTrainer(
        lambda config: _work(**config),
        train_loop_config={
            "directory": os.getcwd(),
            "tasks": tasks,
            "cpus_per_worker": workers.cpus_per_worker,
            "run": train_storage.prepare(storage, name),
        },
        torch_config=UsableBackend(),
        scaling_config=ScalingConfig(
            num_workers=(workers.fewest, workers.num_workers) if workers.min_workers else workers.num_workers,
            use_gpu="GPU" in resources,
            resources_per_worker=resources,
            elastic_resize_monitor_interval_s=workers.resize_seconds,
        ),
        run_config=RunConfig(
            name=name,
            storage_path=path,
            storage_filesystem=None if isinstance(filesystem, pyarrow.fs.LocalFileSystem) else filesystem,
            failure_config=FailureConfig(max_failures=workers.max_failures),
            checkpoint_config=CheckpointConfig(num_to_keep=NUM_CHECKPOINTS),
        ),
    )


def _resources(workers: WorkersConfig, available: dict[str, float]) -> dict[str, float]:
    """What each worker gets; raises UserError where a cluster that cannot grow has too little."""
    resources = per_worker(workers, available)
    try:
        check_fits("workers.num_workers", workers.fewest, resources, available)
    except UserError as error:
        if cluster.is_local():
            raise
        print(f"training  {error}; waiting in case this one grows", flush=True)
    return resources


def _work(directory: str, **work: Any) -> str | None:
    """What every worker runs."""
    cluster.enter(directory)
    return not_seen(work["tasks"]) or run_tasks(**work)


def _run_name(tasks: Sequence[Task], place: str) -> str:
    """Ray Train continues a run of the same name, so the name says what is computed, and where below ``place``.

    Two groups may train the same model twice.
    """
    if len(tasks) == 1 and tasks[0].output.rstrip("/") == place:
        return tasks[0].digest
    told = " ".join(f"{task.digest} {task.output.removeprefix(place)}" for task in tasks)
    return hashlib.sha256(told.encode()).hexdigest()[:16]
