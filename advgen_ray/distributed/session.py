"""What a training program sees inside a Ray Train worker: its place, where to resume, how to report and finish."""

import hashlib
import json
import math
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import ray.train
import torch
from ray.train import Checkpoint
from torch import nn

from advgen_ray.config import Config
from advgen_ray.distributed.heap import keep_freed_memory
from advgen_ray.distributed.legs import Leg
from advgen_ray.distributed.loading import given_gpu
from advgen_ray.distributed.train_backend import worker_device
from advgen_ray.distributed.train_storage import OWNER, checkpoint_name, mistake_of, newest, write_mistake
from advgen_ray.errors import ELSEWHERE, AwayError, UserError
from advgen_ray.storage.filesystem import join, read_bytes, resolve, write_atomic
from advgen_ray.training.checkpoint import read_json, write_json
from advgen_ray.training.loop import Record, Save
from advgen_ray.training.model_directory import CARD, WEIGHTS, save_model
from advgen_ray.training.trainee import Trainee
from advgen_ray.training.worker import Worker

PROGRESS = "progress.json"
STEP_SECONDS = 5.0  # between two looks at a training that has nothing to record
RECORD_SECONDS = 0.4  # between two records that are shown: whoever watches looks less often


@dataclass(frozen=True)
class Task:
    """One model to train: a module-level function, run on every worker, and what it is to do.

    ``program(config, session)`` trains and calls ``session.finish`` on every worker, or ``session.pause`` at the end of
    a ``leg`` that is not the last. ``cost`` weighs it against other tasks: operations of its ways forward. ``images``
    is a digest of those that are not known by their name.
    """

    name: str
    program: Callable[[Any, "Session"], None]
    config: Config
    output: str
    cost: float = 1.0
    leg: Leg | None = None  # where only a part of the way is to be trained
    images: str = ""

    @property
    def digest(self) -> str:
        """What the task computes; equal digests mean equal results."""
        digest = self.config.digest()
        if self.images:
            digest = hashlib.sha256(f"{digest}/{self.images}".encode()).hexdigest()[:16]
        return self.leg.digest(digest) if self.leg else digest

    def card(self) -> dict[str, Any] | None:
        """The card of the finished model (or leg) at ``output``, whoever trained it; None where there is none."""
        if self.leg and not self.leg.is_last:
            return _read_json(self.leg.card_file(self.output))
        return _read_json(join(self.output, "model", CARD))

    def finished(self) -> bool:
        """Whether this very task's model is there."""
        card = self.card()
        return card is not None and card.get("config_digest") == self.digest

    def progress(self) -> dict[str, Any]:
        """What rank 0 last wrote of this output; empty at first."""
        return _read_json(join(self.output, PROGRESS)) or {}

    def write_progress(self, record: Record | None, steps: tuple[int, int] | None = None, **more: Any) -> None:
        """Replace ``progress.json``, small and at once, for whoever watches; ``steps``: how many of how many.

        A session adds ``at`` (Unix time), ``starts`` (how often workers took the task up), how many workers they are,
        ``num_steps`` once it is known, ``gpu_unused`` (one that torch cannot use is held), and in the end the card's
        ``metrics``.
        """
        content = {"name": self.name, "config_digest": self.digest, "record": record, "steps": steps, **more}
        write_atomic(join(self.output, PROGRESS), json.dumps(content).encode(), durable=False)


class Session:
    """A task on one worker; ``place`` (from 0) is the task's among those of its group."""

    def __init__(self, task: Task, worker: Worker, resume: Path | None, place: int = 0) -> None:
        self.task, self.worker, self.resume, self.place = task, worker, resume, place
        self._record: Record | None = None
        self._told_at = -math.inf
        self._starts, self._num_steps = 1, 0

    def begin(self) -> None:
        """Say that this worker group takes the task up, for the first time or again."""
        if self.worker.rank == 0:
            former = self.task.progress()
            self._record = former.get("record")
            self._starts = former.get("starts", 0) + 1
            self._tell()

    def until(self, num_steps: int) -> int:
        """The step at which to pause, of a whole way of so many; its end where there is no leg."""
        return self.task.leg.until(num_steps) if self.task.leg else num_steps

    def on_step(self, step: int, num_steps: int) -> None:
        """Show how far a long way to the next record is."""
        if self.worker.rank == 0 and time.monotonic() - self._told_at > STEP_SECONDS:
            self._told_at = time.monotonic()
            self._num_steps = num_steps
            self._show((step, num_steps))

    def report(self, record: Record, save: Save | None) -> None:
        """Show a record; with ``save``, hand Ray Train a checkpoint. Every worker calls it equally often."""
        leads = self.worker.rank == 0
        if leads:
            self._record = record
            if save or time.monotonic() - self._told_at > RECORD_SECONDS:
                self._told_at = time.monotonic()
                self._show()
        if save is None:
            return  # Ray Train keeps the latest metrics only, the history travels in the checkpoints
        with tempfile.TemporaryDirectory(prefix="advgen-checkpoint-") as directory:
            checkpoint = None
            if leads:
                save(Path(directory))
                write_json(Path(directory) / OWNER, {"config_digest": self.task.digest})
                checkpoint = Checkpoint.from_directory(directory)
            metrics = {"step": record["step"], "training": self.task.name}
            name = checkpoint_name(self.place, record["step"])
            ray.train.report(metrics, checkpoint=checkpoint, checkpoint_dir_name=name)

    def pause(self, trainee: Trainee) -> None:
        """Store the training as it is at the end of a leg: the task is done, another goes on from there."""
        assert self.task.leg, "only a leg ends before the end"
        if self.worker.rank == 0:
            self.task.leg.store(trainee, self.task.output, self.task.digest)
            self._tell(metrics={})
        self.worker.barrier()

    def finish(self, model: nn.Module, card: dict[str, Any]) -> None:
        """Store the model, its card last: from then on the task is done, and a restart passes over it."""
        if self.worker.rank == 0:
            if self.task.leg:
                card = card | {"lineage": list(self.task.leg.lineage)}
            with tempfile.TemporaryDirectory(prefix="advgen-model-") as directory:
                save_model(directory, model, card | {"config_digest": self.task.digest})
                for name in (WEIGHTS, CARD):
                    write_atomic(join(self.task.output, "model", name), (Path(directory) / name).read_bytes())
            self._tell(metrics=card.get("metrics", {}))
        self.worker.barrier()

    def _show(self, steps: tuple[int, int] | None = None) -> None:
        """Tell whoever watches; what does not get through costs no training, the next look shows more."""
        try:
            self._tell(steps)
        except (OSError, UserError):
            return

    def _tell(self, steps: tuple[int, int] | None = None, **more: Any) -> None:
        more |= {"at": time.time(), "starts": self._starts, "num_steps": self._num_steps}
        more["num_workers"] = self.worker.num_workers
        more["gpu_unused"] = given_gpu() and self.worker.device.type == "cpu"
        self.task.write_progress(self._record, steps, **more)


def run_tasks(tasks: list[Task], cpus_per_worker: int, run: str) -> str | None:
    """The function every Ray Train worker runs: the unfinished tasks in turn; returns a user's mistake, if any.

    The first goes on from the newest checkpoint of the ``run``, which is the same for all workers: none writes another
    before all of them have trained. A mistake is returned, since Ray Train would retry what is raised, and the same
    mistake comes again. But a group goes on until all its workers have returned, and the others may wait for this one
    in vain: so one of several writes it down and raises, which ends the group at once, and started again all return it.
    """
    torch.set_num_threads(cpus_per_worker)
    keep_freed_memory()
    worker = _worker()
    mistake = mistake_of(run)
    if mistake:
        return mistake
    checkpoint = newest(run)
    for place, task in enumerate(tasks):
        if task.finished():
            continue
        try:
            with tempfile.TemporaryDirectory(prefix="advgen-resume-") as directory:
                resume = _fetched(checkpoint, task, Path(directory))
                if resume is None and task.leg:
                    resume = task.leg.fetch(Path(directory))
                session = Session(task, worker, resume, place)
                session.begin()
                task.program(task.config, session)
        except AwayError:
            raise  # Ray Train tries again, as after a death
        except UserError as error:
            mistake = f"{task.name}: {error}"
            if worker.num_workers == 1:
                return mistake
            write_mistake(run, mistake)
            raise UserError(mistake) from None
        checkpoint = None  # it was of this task, if of any, and is removed while the others train
    return None


def not_seen(tasks: list[Task]) -> str | None:
    """A user's mistake, the same on every worker, where one of them does not see what the driver has begun."""
    worker = _worker()
    unseen = [task.output for task in tasks if not (task.progress() or task.finished())]
    anywhere = worker.total(torch.tensor(float(len(unseen)), device=worker.device))
    return f"output {(unseen or [tasks[0].output])[0]}: {ELSEWHERE}" if anywhere else None


def _worker() -> Worker:
    context = ray.train.get_context()
    return Worker(context.get_world_rank(), context.get_world_size(), context.get_local_rank(), worker_device())


def _fetched(checkpoint: str | None, task: Task, directory: Path) -> Path | None:
    """A local copy of the checkpoint if it is one of this task."""
    if checkpoint is None:
        return None
    filesystem, path = resolve(checkpoint)
    Checkpoint(path, filesystem).to_directory(str(directory))
    owner = read_json(directory / OWNER, "checkpoint")
    return directory if owner["config_digest"] == task.digest else None


def _read_json(uri: str) -> dict[str, Any] | None:
    """What a file holds; None where there is none, or a torn one. Raises AwayError where that cannot be told.

    A model whose card does not answer for a moment is not one that has to be trained again.
    """
    try:
        content = json.loads(read_bytes(uri))
    except (FileNotFoundError, NotADirectoryError, json.JSONDecodeError, UnicodeDecodeError):
        return None
    except OSError as error:
        raise AwayError(f"{uri}: cannot be read ({error.strerror or error}); run the same command again") from None
    return content if isinstance(content, dict) else None
