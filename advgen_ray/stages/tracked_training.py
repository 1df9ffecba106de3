"""Trainings, each recorded as a run of its own from its first step to its model."""

import sys
from collections.abc import Sequence
from typing import Any

import torch

from advgen_ray.config import TrainBinaryConfig, TrainClassifierConfig, TrainScoreModelConfig, WorkersConfig
from advgen_ray.distributed.train import Describe, Task, run_training
from advgen_ray.storage.filesystem import exists, join, local_copy, write_atomic
from advgen_ray.tracking import Run, SideBySide, check_tracking
from advgen_ray.training.exported import export_program
from advgen_ray.training.trainee import Record

TRACKED = "tracked"  # an empty file beside a model whose run is over
RUN_NAMES = {TrainClassifierConfig: "classifier", TrainScoreModelConfig: "score_model", TrainBinaryConfig: "binary"}


def run_tracked(tasks: Sequence[Task], workers: WorkersConfig, describe: Describe) -> list[dict[str, Any]]:
    """Train the tasks, each recorded as a run of its own while it trains; returns their model cards.

    A finished model was recorded when it was trained, so it is not recorded again; but where its driver was killed
    before the run was over, that run is completed.
    """
    check_tracking()
    recorder = _Recorder()
    try:
        cards = run_training(tasks, workers, describe, recorder.add, recorder.end)
        for task, card in zip(tasks, cards, strict=True):
            recorder.complete(task, card)
    except BaseException as error:
        recorder.runs.close_all(error)
        raise
    return cards


class _Recorder:
    """Passes records on to the tracked run of their task, which opens at its first record and ends with its model.

    The watcher may miss a record between two looks; the card holds all, and those not yet passed on follow in the
    end. Records from before this process began were passed on by the one that was killed then.
    """

    def __init__(self) -> None:
        self.steps: dict[str, set[int]] = {}  # recorded here, by output
        self.ended: set[str] = set()  # outputs
        self.runs = SideBySide()

    def add(self, task: Task, record: Record) -> None:
        self._run(task).log_history([record])
        self.steps.setdefault(task.output, set()).add(record["step"])

    def end(self, task: Task) -> None:
        """Complete the run of a task whose model has just been made."""
        card = task.card()
        assert card, "made"
        self.complete(task, card)

    def complete(self, task: Task, card: dict[str, Any]) -> None:
        """Pass on what the watcher missed, and the results; the task's run is over. Once is enough."""
        if task.output in self.ended:
            return
        recorded = self.steps.get(task.output)
        if recorded is None:
            self._complete_for_another(task, card)
            return
        missed = [r for r in card["history"] if r["step"] > min(recorded) and r["step"] not in recorded]
        for record in [*missed, _results(card)]:
            self.add(task, record)
        self._end(task, self._run(task))

    def _complete_for_another(self, task: Task, card: dict[str, Any]) -> None:
        """A driver that is no more trained this model, and may have been killed before its run was over."""
        if exists(join(task.output, TRACKED)):
            return
        run = self._run(task, only_unfinished=True)
        if run.is_recorded:
            run.log_history([*card["history"], _results(card)], only_new=True)
        self._end(task, run)

    def _run(self, task: Task, only_unfinished: bool = False) -> Run:
        tags = {"config_digest": task.digest, "model": task.name}
        config = task.config.model_dump(mode="json")
        return self.runs.run(task.output, RUN_NAMES[type(task.config)], config, tags, only_unfinished)

    def _end(self, task: Task, run: Run) -> None:
        _log_model(run, task)
        self.runs.close(task.output)
        self.ended.add(task.output)
        write_atomic(join(task.output, TRACKED), b"")


def _results(card: dict[str, Any]) -> Record:
    return {"step": card["num_steps"], **card["metrics"]}


def _log_model(run: Run, task: Task) -> None:
    """Hand a trained model to its run; where that is not possible the job goes on, as its result is stored."""
    if not run.is_recorded:
        return
    try:
        program = export_program(local_copy(join(task.output, "model")))
    except Exception as error:  # whatever torch raises of a network it cannot trace
        said = (str(error).splitlines() or [type(error).__name__])[0]
        print(f"advgen: warning: tracking: {task.name} is not in MLflow's models: {said}", file=sys.stderr)
        return
    run.log_model(program.content, torch.__version__, program.inputs, program.outputs, program.facts)
