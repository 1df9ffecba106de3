"""What the driver's metrics tell of a search: its trials, and what they reached."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Literal, Protocol

from advgen_ray.distributed import metrics

STATUSES = ("running", "finished", "stopped", "failed")
BETTER: dict[str, Callable[[float, float], float]] = {"max": max, "min": min}


class Seen(Protocol):
    """A trial as Tune's loop knows it."""

    id: str
    status: str


class SearchMeter:
    """Tells of a search under ``root`` with so many trials to come, and of the objectives that they report."""

    def __init__(self, root: str, num_trials: int, objectives: Mapping[str, Literal["max", "min"]]) -> None:
        self.num_trials, self.objectives = num_trials, objectives
        self.tags = {"work": "search", "output": metrics.place(root)}
        self.best: dict[str, float] = {}

    def begin(self) -> None:
        """Trials are asked for."""
        self._show("running", 1)
        self.look([])

    def look(self, trials: Iterable[Seen]) -> None:
        """Count the trials known so far; the others wait."""
        known = Counter(trial.status for trial in trials)
        for status in STATUSES:
            self._show("trials", known[status], status=status)
        self._show("trials", max(0, self.num_trials - known.total()), status="waiting")
        metrics.came_forward(**self.tags)

    def reported(self, trial: Seen, report: Mapping[str, Any]) -> None:
        """A trial got this far."""
        for name, goal in self.objectives.items():
            value = report.get(name)
            if value is not None:
                self.best[name] = BETTER[goal](value, self.best.get(name, value))
                self._show("trial_objective", value, trial=trial.id, objective=name)
                self._show("best_objective", self.best[name], objective=name)

    def end(self) -> None:
        """No trial is at work any more."""
        self._show("running", 0)

    def _show(self, name: str, value: float, **tags: str) -> None:
        metrics.show(name, value, **self.tags, **tags)
