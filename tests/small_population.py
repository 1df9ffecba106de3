"""A small population of trainings, in this process or not, and what it leaves."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import ray.train

from advgen_ray.config import ObjectiveConfig, ParameterConfig, SearchConfig
from advgen_ray.config.population import PopulationConfig
from advgen_ray.distributed import session
from advgen_ray.distributed.population import Round, first_round
from advgen_ray.distributed.schedules import Schedule
from advgen_ray.distributed.session import Task, run_tasks
from advgen_ray.distributed.tune import AWAY, MISTAKE, Trial
from advgen_ray.errors import AwayError, UserError
from advgen_ray.stages import population, search
from advgen_ray.tracking import SideBySide
from advgen_ray.training.model_directory import load_model
from advgen_ray.training.worker import Worker
from tests.small_training import classifier_config

PGD = "validation_pgd_accuracy"
SPACE = (
    ParameterConfig(key="attack.eps", kind="log_uniform", low=0.1, high=0.5),
    ParameterConfig(key="optimizer.learning_rate", kind="choice", values=(1e-4, 1e-3, 1e-2)),
)


def population_config(output: Path, **changes: Any) -> SearchConfig:
    """Three trials of three rounds of an epoch each."""
    training = classifier_config(
        output, num_epochs=3, num_validation_images=100, num_evaluation_images=20, ema_decay=0.9
    )
    values = {
        "base": training.model_dump(mode="json"), "space": SPACE, "objectives": (ObjectiveConfig(metric=PGD),),
        "proposals": "random", "scheduler": "pbt", "population": PopulationConfig(rounds=3, quantile=0.3),
        "num_trials": 3, "output": str(output),
    }  # fmt: skip
    return SearchConfig(**(values | changes))


class Here:
    """In the places of Ray Train and Ray Tune; knows what was trained, and may die before or fail at an output."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.trained: list[str] = []
        self.die_at = self.fail_at = ""
        monkeypatch.setattr(session, "_worker", Worker)
        monkeypatch.setattr(ray.train, "report", lambda *_, **__: None)
        monkeypatch.setattr("advgen_ray.stages.tracked_training.run_training", self._train)
        monkeypatch.setattr(population, "run_search", self._search)
        monkeypatch.setattr("advgen_ray.distributed.cluster.connect", lambda: None)
        monkeypatch.setattr(search, "room_for_trials", lambda job, name, wanted: wanted)

    def _train(
        self, tasks: list[Task], workers: Any, describe: Any, on_record: Callable[..., None], on_end: Any
    ) -> list[Any]:
        (task,) = tasks
        if self.fail_at and task.output.endswith(self.fail_at):
            raise UserError("the loss is nan")
        if not task.finished():
            if self.die_at and task.output.endswith(self.die_at):
                raise InterruptedError
            assert run_tasks([task], 1, f"{task.output}/train") is None
            self.trained.append(task.output)
        card = task.card()
        assert card
        on_record(task, card["history"][-1])
        return [card]

    def _search(self, run_trial: Any, space: Any, schedule: Schedule, root: str, watcher: Any) -> list[Trial]:
        trials = [Trial(f"random-{number}", dict(given)) for number, given in enumerate(schedule.given)]
        for trial in trials:
            try:
                run_trial(trial.parameters, trial.id, lambda one, told=trial.reports: told.append(dict(one)))
                trial.status = "finished"
                for one in trial.reports:
                    watcher.reported(trial, one)
            except UserError as error:
                trial.reports.append({MISTAKE: str(error), AWAY: isinstance(error, AwayError)})
                trial.status = "failed"
            watcher.ended(trial)
        return trials


class Unheard:
    """In the place of a follower."""

    runs = SideBySide()

    def reported(self, *_: Any) -> None:
        pass

    ended = reported


def run_here(config: SearchConfig) -> list[Round]:
    """All rounds of a population, with ``Here`` in place."""
    begin = first_round(config.space, config.num_trials, config.seed, [])
    return population.run_population(config, begin, 1, Unheard())  # type: ignore[arg-type]


def outcome(output: Path) -> tuple[Any, dict[str, Any]]:
    """The schedule, and the weights of every trial's model."""
    schedule = json.loads((output / "schedule.json").read_text())
    return schedule, {path.parent.name: load_model(path).model.state_dict() for path in output.glob("trials/*/model")}
