"""Trainings, each recorded as a run of its own from its first step to its model."""

import sys
from collections.abc import Sequence
from typing import Any

import torch

from advgen_ray.config import TrainBinaryConfig, TrainClassifierConfig, TrainScoreModelConfig, WorkersConfig
from advgen_ray.distributed.train import Describe, Task, run_training
from advgen_ray.errors import UserError
from advgen_ray.stages.checks import work_begins
from advgen_ray.stages.marks import is_tracked, mark_once_recorded
from advgen_ray.storage.filesystem import join, local_copy
from advgen_ray.tracking import Run, SideBySide, check_before_work
from advgen_ray.training.exported import export_program
from advgen_ray.training.trainee import Record

RUN_NAMES = {TrainClassifierConfig: "classifier", TrainScoreModelConfig: "score_model", TrainBinaryConfig: "binary"}


def run_tracked(tasks: Sequence[Task], workers: WorkersConfig, describe: Describe) -> list[dict[str, Any]]:
    """Train the tasks, each recorded as a run of its own while it trains; returns their model cards.

    A finished model was recorded when it was trained, so it is not recorded again; but where its driver was killed
    before the run was over, that run is completed.
    """
    work_begins()
    check_before_work()
    recorder = _Recorder(tasks)
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

    Workers that go back to a checkpoint report steps again, and so they do after a driver that was killed: no step is
    recorded twice. The watcher may miss a record between two looks, and that driver may not have sent all that it saw;
    the card holds every record, and those that are not there yet follow in the end.
    """

    def __init__(self, tasks: Sequence[Task]) -> None:
        self.reached = {task.output: _step_of(task) for task in tasks}  # by a driver before this one
        self.steps: dict[str, set[int]] = {}  # recorded here, by output
        self.ended: set[str] = set()  # outputs
        self.runs = SideBySide()

    def add(self, task: Task, record: Record) -> None:
        step, known = record["step"], self.steps.setdefault(task.output, set())
        if step not in known:
            known.add(step)
            self._run(task).log_history([record], only_new=step <= self.reached[task.output])

    def end(self, task: Task) -> None:
        """Complete the run of a task whose model has just been made; what fails is tried again when all are."""
        try:
            card = task.card()
            assert card, "made"
            self.complete(task, card)
        except (OSError, UserError) as error:  # others train on
            _warn(f"{task.name} is recorded when all are trained: {error}")

    def complete(self, task: Task, card: dict[str, Any]) -> None:
        """Pass on what is not recorded yet, and the results; the task's run is over. Once is enough.

        A model of which nothing was seen here was made by a driver that is no more, which may have been killed before
        its run was over, or begun; it had ended it where that is marked.
        """
        known = self.steps.get(task.output, set())
        if task.output in self.ended or (not known and is_tracked(task.output)):
            return
        run = self._run(task, unless_finished=not known)
        missed = [*(record for record in card["history"] if record["step"] not in known), _results(card)]
        if not run.is_recorded:  # whoever is told instead has heard what came before this process
            missed = [record for record in missed if known and record["step"] >= min(known)]
        run.log_history(missed, only_new=True)
        _log_model(run, task)
        mark_once_recorded(run, task.output)
        self.runs.close(task.output)
        self.ended.add(task.output)

    def _run(self, task: Task, unless_finished: bool = False) -> Run:
        tags = {"config_digest": task.digest, "model": task.name}
        config = task.config.model_dump(mode="json")
        return self.runs.run(task.output, RUN_NAMES[type(task.config)], config, tags, unless_finished)


def _step_of(task: Task) -> int:
    """The step of the last record at ``task.output``, before the beginning where there is none."""
    return int((task.progress().get("record") or {}).get("step", -1))


def _results(card: dict[str, Any]) -> Record:
    return {"step": card["num_steps"], **card["metrics"]}


def _log_model(run: Run, task: Task) -> None:
    """Hand a trained model to its run; where that is not possible the job goes on, as its result is stored."""
    if not run.is_recorded:
        return
    try:
        program = export_program(local_copy(join(task.output, "model")))
        run.log_model(program.content, torch.__version__, program.inputs, program.outputs, program.facts)
    except Exception as error:  # whatever torch raises of a network it cannot trace; no room for its copy
        said = (str(error).splitlines() or [type(error).__name__])[0]
        _warn(f"{task.name} is not in MLflow's models: {said}")


def _warn(text: str) -> None:
    print(f"advgen: warning: tracking: {text}", file=sys.stderr)
