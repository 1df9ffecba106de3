"""What is told and recorded of the trials of a search while they run."""

from collections.abc import Callable, Mapping
from typing import Any

from advgen_ray.distributed.tune import Trial
from advgen_ray.storage.filesystem import join
from advgen_ray.tracking import Run, SideBySide

Tell = Callable[[Mapping[str, Any]], tuple[dict[str, Any], str]]
"""What of a report is recorded (with its ``step``), and its words on the terminal; two empty ones if nothing."""


class Follower:
    """Tells of every trial on one line a report, and records it as a run under the search's.

    ``name`` gives what a trial is called by its settings and id: its directory under ``output/trials``. Where
    ``settings_change`` on the way they are recorded as metrics, by step; MLflow's parameters are for good.
    """

    def __init__(
        self,
        digest: str,
        output: str,
        num_trials: int,
        tell: Tell,
        name: Callable[[Mapping[str, Any], str], str],
        settings_change: bool = False,
    ) -> None:
        self.digest, self.output, self.num_trials = digest, output, num_trials
        self.tell, self.settings_change = tell, settings_change
        self.name = lambda trial: name(trial.parameters, trial.id)
        self.runs = SideBySide()
        self.num_ended = 0

    def reported(self, trial: Trial, report: Mapping[str, Any]) -> None:
        """A trial got this far."""
        run = self._run(trial)
        recorded, words = self.tell(report)
        if recorded:
            run.log_history([{**trial.parameters, **recorded} if self.settings_change else recorded])
        if words:
            print(f"trial {self.name(trial)}  {_settings(trial)}  {words}", flush=True)

    def ended(self, trial: Trial) -> None:
        """A trial is over."""
        self._run(trial)
        self.runs.close(trial.id)
        self.num_ended += 1
        print(f"trial {self.name(trial)}  {trial.status}, {self.num_ended}/{self.num_trials} trials", flush=True)

    def _run(self, trial: Trial) -> Run:
        name = self.name(trial)
        tags = {"trial": name, "config_digest": f"{self.digest}-{name}"}
        values = {"output": join(self.output, "trials", name), **({} if self.settings_change else trial.parameters)}
        return self.runs.run(trial.id, "trial", values, tags)


def _settings(trial: Trial) -> str:
    return " ".join(
        f"{key.rpartition('.')[2]} {value:.3g}" if isinstance(value, float) else f"{key.rpartition('.')[2]} {value}"
        for key, value in trial.parameters.items()
    )
