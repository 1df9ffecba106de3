"""The search shape: trials under Ray Tune, each a job of its own, and the whole continued after a kill."""

import logging
import os
from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any, Protocol

import optuna
from ray import tune

from advgen_ray.config.space import ParameterConfig
from advgen_ray.distributed import cluster, tune_storage
from advgen_ray.distributed.orphans import removed_meanwhile
from advgen_ray.distributed.schedules import PROGRESS, Parameters, Schedule, settings_of
from advgen_ray.distributed.search_meter import SearchMeter
from advgen_ray.errors import AwayError, UserError
from advgen_ray.storage.filesystem import join

RUN = "tune"
MISTAKE = "mistake"  # the last report of a trial whose settings cannot work as things are
AWAY = "away"  # beside it: whether storage was, so that another try may find it again

Report = Callable[[dict[str, Any]], None]
RunTrial = Callable[[Parameters, str, Report], None]
"""``run_trial(parameters, trial id, report)``: pickled into an actor; reports rise in ``progress``, to 1 at the end.

One that raises UserError has failed, until the search is run again: the user may have mended what was wrong. One that
raises anything else, AwayError too, is started again as often as the schedule says.
"""


@dataclass
class Trial:
    """What is known of one trial."""

    id: str
    parameters: dict[str, Any]
    reports: list[dict[str, Any]] = field(default_factory=list)
    status: str = "running"  # "finished", "stopped" (early) or "failed"

    @property
    def mistake(self) -> str:
        """What was wrong with its settings, if that is known."""
        return str(self.reports[-1].get(MISTAKE, "")) if self.reports else ""

    @property
    def away(self) -> bool:
        """Whether it failed as storage was away, which says nothing of its settings."""
        return self.status == "failed" and bool(self.reports and self.reports[-1].get(AWAY))


class Watcher(Protocol):
    """Told of trials in the driver, as they go on."""

    def reported(self, trial: Trial, report: dict[str, Any]) -> None:
        """A trial got this far."""

    def ended(self, trial: Trial) -> None:
        """A trial is over, one way or another."""


_watcher: ContextVar[Watcher] = ContextVar("watcher")
_meter: ContextVar[SearchMeter] = ContextVar("meter")
_max_failures: ContextVar[int] = ContextVar("max_failures")


def run_search(
    run_trial: RunTrial, space: Sequence[ParameterConfig], schedule: Schedule, root: str, watcher: Watcher
) -> list[Trial]:
    """Run the search, or what is left of one that was killed under the same ``root``; returns every trial.

    Trials that were running when the driver died, and those that failed, start again and continue from what they had
    stored. Raises UserError where a trial asks for more than a local cluster has, or all states that Tune left are
    damaged.
    """
    _quiet()
    tune_storage.prepare(join(root, RUN))
    cluster.connect()
    storage, path = tune_storage.storage_of(root)
    trainable = tune.with_resources(
        tune.with_parameters(_run, run_trial=run_trial, directory=os.getcwd(), address=cluster.address()),
        schedule.resources(),
    )
    meter = SearchMeter(root, schedule.planned, schedule.goals)
    _watcher.set(watcher)
    _meter.set(meter)
    _max_failures.set(schedule.max_failures)
    former = join(path, RUN)
    if tune.Tuner.can_restore(former, storage_filesystem=storage):
        tuner = tune.Tuner.restore(
            former,
            trainable,
            resume_errored=True,
            param_space=schedule.param_space(space),
            storage_filesystem=storage,
        )
    else:
        tuner = tune.Tuner(
            trainable,
            param_space=schedule.param_space(space),
            tune_config=schedule.tune_config(),
            run_config=tune.RunConfig(
                name=RUN,
                storage_path=path,
                storage_filesystem=storage,
                callbacks=[_Watch()],
                failure_config=tune.FailureConfig(max_failures=schedule.max_failures),
                verbose=0,
            ),
        )
    meter.begin()
    try:
        with removed_meanwhile() if cluster.is_local() else nullcontext():
            results = tuner.fit()
    finally:
        meter.end()
    # A result has its trial's settings from the last report: one that died as it started, out of memory say, has none.
    known = results._experiment_analysis.trials
    return [_trial(result, one.trial_id, one.config) for result, one in zip(results, known, strict=True)]


def _quiet() -> None:
    """The watcher says what Tune's tables and Optuna's log would."""
    os.environ.setdefault("RAY_AIR_NEW_OUTPUT", "0")
    os.environ.setdefault("TUNE_DISABLE_STRICT_METRIC_CHECKING", "1")  # a mistaken trial has no metric
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    logging.getLogger("ray.tune").setLevel(logging.ERROR)
    logging.getLogger("ray.tune.execution.tune_controller").addFilter(_is_no_mistake)


def _is_no_mistake(record: logging.LogRecord) -> bool:
    """Not the traceback of a trial's UserError, which it has reported as a line."""
    return not (record.exc_info and isinstance(record.exc_info[1], UserError))


def _run(parameters: Parameters, run_trial: RunTrial, directory: str, address: str) -> None:
    """What runs in a trial's actor: a driver of its own, on the same cluster."""
    cluster.enter(directory, address)
    try:
        run_trial(settings_of(parameters), tune.get_context().get_trial_id(), tune.report)
    except UserError as error:
        tune.report({MISTAKE: str(error), AWAY: isinstance(error, AwayError)})
        raise  # Tune starts a trial that ended in an error again when the search is run again, no other


def _trial(result: Any, trial_id: str, parameters: Parameters) -> Trial:
    history = result.metrics_dataframe
    rows = [] if history is None else history.to_dict("records")
    reports = [{key: value for key, value in row.items() if value == value} for row in rows]  # nan: not in this one
    trial = Trial(trial_id, settings_of(parameters), reports)
    trial.status = "failed" if result.error is not None else _status(result.metrics or {})
    return trial


def _status(last: Mapping[str, Any]) -> str:
    return "finished" if last.get(PROGRESS, 0) >= 1 else "stopped"


class _Watch(tune.Callback):
    """Passes on what Tune's loop tells; Tune pickles it with its state, so it finds those told where it wakes up."""

    def __init__(self) -> None:
        self.trials: dict[str, Trial] = {}

    def on_trial_start(self, iteration: int, trials: list[Any], trial: Any, **_: Any) -> None:
        self._known(trial).status = "running"
        trial.max_failures = _max_failures.get()
        _meter.get().look(self.trials.values())

    def on_trial_result(self, iteration: int, trials: list[Any], trial: Any, result: dict[str, Any], **_: Any) -> None:
        known = self._known(trial)
        known.reports.append(result)
        if result.get(MISTAKE):
            if not result[AWAY]:
                trial.max_failures = 0  # the error that follows is none that another try mends
        else:
            _meter.get().reported(known, result)
            _meter.get().look(self.trials.values())
            _watcher.get().reported(known, result)

    def on_trial_complete(self, iteration: int, trials: list[Any], trial: Any, **_: Any) -> None:
        self._end(trial, _status(trial.last_result))

    def on_trial_error(self, iteration: int, trials: list[Any], trial: Any, **_: Any) -> None:
        self._end(trial, "failed")

    def _end(self, trial: Any, status: str) -> None:
        known = self._known(trial)
        known.status = status
        _meter.get().look(self.trials.values())
        _watcher.get().ended(known)

    def _known(self, trial: Any) -> Trial:
        return self.trials.setdefault(trial.trial_id, Trial(trial.trial_id, settings_of(trial.config)))
