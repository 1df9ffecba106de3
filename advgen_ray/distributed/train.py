"""The training shape: tasks run one after the other by one Ray Train worker group, killed and resumed at will."""

import hashlib
import os
import threading
import time
from collections.abc import Callable, Sequence
from typing import Any

import pyarrow.fs

from advgen_ray.config import WorkersConfig
from advgen_ray.distributed import cluster, train_storage
from advgen_ray.distributed.resources import check_fits, per_worker
from advgen_ray.distributed.session import Session, Task, run_tasks
from advgen_ray.errors import UserError
from advgen_ray.storage.filesystem import ensure_writable, resolve
from advgen_ray.training.loop import Record

__all__ = ["Session", "Task", "run_training"]

POLL_SECONDS = 0.5
WAITING_LINE_SECONDS = 10.0
LINE_SECONDS = 3.0
NUM_CHECKPOINTS = 2

Describe = Callable[[Any, Record], str]
"""``describe(config, record)``: how far a training is, in a few words."""

OnRecord = Callable[[Task, Record], None]
"""Called in the driver with the latest record of a task, soon after a worker reported it."""


def run_training(
    tasks: Sequence[Task], workers: WorkersConfig, describe: Describe, on_record: OnRecord
) -> list[dict[str, Any]]:
    """Train what is unfinished and return every task's model card.

    All tasks share one worker group: starting one costs tens of seconds of imports on a small machine, more than a
    small model takes to train. A model that is there already, made by the same config, is kept. Killed workers
    continue from the latest checkpoint; after a killed driver the same call does. Raises UserError for a place that
    holds something else or cannot be written, for more than the cluster has, and for mistakes that a worker finds.
    """
    unfinished = [task for task in tasks if not _kept(task)]
    if unfinished:
        for task in unfinished:
            ensure_writable(task.output)
            if not task.progress():
                task.write_progress(None)
        cluster.connect()
        _fit(list(tasks), workers, describe, on_record)
    cards = [task.card() for task in tasks]
    assert all(cards), "a training that ended without a mistake leaves a model"
    return [card for card in cards if card]


def _kept(task: Task) -> bool:
    """Whether the task's model is there; raises UserError where the output belongs to something else."""
    if task.finished():
        print(f"{task.name}: {task.output}/model is finished, nothing to train", flush=True)
        return True
    occupant = task.card() or task.progress()
    if occupant and occupant.get("config_digest") != task.digest:
        raise UserError(
            f"output {task.output}: holds a training of config {occupant.get('config_digest')}, this one is "
            f"{task.digest}; choose another place with --set output=... or remove that one"
        )
    return False


def _fit(tasks: list[Task], workers: WorkersConfig, describe: Describe, on_record: OnRecord) -> None:
    import ray
    from ray.train import CheckpointConfig, FailureConfig, RunConfig, ScalingConfig
    from ray.train.torch import TorchTrainer

    resources = _resources(workers, ray.cluster_resources())
    storage = f"{train_storage.common_parent([task.output for task in tasks])}/train"
    name = _run_name(tasks)
    filesystem, path = resolve(storage)
    fallback = train_storage.prepare(storage, name)
    trainer = TorchTrainer(
        lambda config: _work(**config),
        train_loop_config={
            "directory": os.getcwd(),
            "tasks": tasks,
            "cpus_per_worker": workers.cpus_per_worker,
            "fallback": fallback,
        },
        scaling_config=ScalingConfig(
            num_workers=workers.num_workers, use_gpu="GPU" in resources, resources_per_worker=resources
        ),
        run_config=RunConfig(
            name=name,
            storage_path=path,
            storage_filesystem=None if isinstance(filesystem, pyarrow.fs.LocalFileSystem) else filesystem,
            failure_config=FailureConfig(max_failures=workers.max_failures),
            checkpoint_config=CheckpointConfig(num_to_keep=NUM_CHECKPOINTS),
        ),
    )
    mistake = _watch(trainer.fit, tasks, describe, on_record).return_value
    if mistake:
        raise UserError(mistake)
    train_storage.remove(storage, name)


def _resources(workers: WorkersConfig, available: dict[str, float]) -> dict[str, float]:
    """What each worker gets; raises UserError where a cluster that cannot grow has too little."""
    resources = per_worker(workers, available)
    try:
        check_fits(workers.num_workers, resources, available)
    except UserError as error:
        if cluster.is_local():
            raise
        print(f"training  {error}; waiting in case this one grows", flush=True)
    return resources


def _work(directory: str, **work: Any) -> str | None:
    """What every worker runs."""
    cluster.enter(directory)
    return run_tasks(**work)


def _run_name(tasks: Sequence[Task]) -> str:
    """Ray Train continues a run of the same name, so the name says what is computed."""
    if len(tasks) == 1:
        return tasks[0].digest
    return hashlib.sha256(" ".join(task.digest for task in tasks).encode()).hexdigest()[:16]


def _watch(fit: Callable[[], Any], tasks: Sequence[Task], describe: Describe, on_record: OnRecord) -> Any:
    """Run ``fit`` beside this thread, which tells of changes and stays free for an interrupt.

    Every record is passed on; a line is printed for the first of a task, and then every few seconds.
    """
    outcome: dict[str, Any] = {}

    def run() -> None:
        try:
            outcome["result"] = fit()
        except BaseException as error:
            outcome["error"] = error

    thread = threading.Thread(target=run, name="ray-train-fit", daemon=True)
    thread.start()
    former = {task.output: task.progress() for task in tasks}
    shown = {output: progress.get("record") for output, progress in former.items()}
    begin = told_at = time.monotonic()
    told: Task | None = None
    working = True
    while working:
        thread.join(POLL_SECONDS)
        working = thread.is_alive()  # asked before the look, so that the last record is seen
        steps: tuple[Task, list[int]] | None = None
        for task in tasks:
            progress = task.progress()
            record = progress.get("record")
            if progress.get("steps") and progress != former[task.output]:
                steps = (task, progress["steps"])
            if record and record != shown[task.output]:
                shown[task.output] = record
                on_record(task, record)
                if task is not told or time.monotonic() - told_at > LINE_SECONDS:
                    told, told_at = task, time.monotonic()
                    print(f"{task.name}  {describe(task.config, record)}", flush=True)
        if working and time.monotonic() - told_at > WAITING_LINE_SECONDS:
            told_at = time.monotonic()
            if steps:
                print(f"{steps[0].name}  step {steps[1][0]} of {steps[1][1]}", flush=True)
            elif told is None:
                print(f"training  workers starting, {told_at - begin:.0f} s", flush=True)
    if "error" in outcome:
        raise outcome["error"]
    return outcome["result"]
