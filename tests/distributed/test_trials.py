"""A trial as Tune's result tells of it."""

from types import SimpleNamespace
from typing import Any

import pandas as pd
import pytest

from advgen_ray.distributed.tune import AWAY, MISTAKE, Trial, _trial


def _told(*reports: dict[str, Any], error: Exception | None = None) -> Trial:
    """What is known after these reports: Tune's table has a column for each key of any, nan where it was not told."""
    history = pd.DataFrame(list(reports)) if reports else None
    result = SimpleNamespace(metrics_dataframe=history, metrics=reports[-1] if reports else None, error=error)
    return _trial(result, "a", {"eps": 0.5})


def test_each_report_has_what_was_told_with_it() -> None:
    reports = [{"progress": 0.5, "value": 2.0}, {MISTAKE: "the loss is nan", AWAY: False}]
    trial = _told(*reports, error=RuntimeError())
    assert trial.reports == reports
    assert (trial.status, trial.mistake, trial.away) == ("failed", "the loss is nan", False)


@pytest.mark.parametrize("reports", [[{"progress": 0.5}], [{MISTAKE: "away", AWAY: True}, {"progress": 0.5}]])
def test_a_trial_that_died_has_no_mistake(reports: list[dict[str, Any]]) -> None:
    trial = _told(*reports, error=RuntimeError())
    assert (trial.status, trial.mistake, trial.away) == ("failed", "", False)


def test_a_trial_that_died_as_it_started_is_known_by_its_settings() -> None:
    """Out of memory, before its first report: Tune's result of it has no config."""
    trial = _told(error=RuntimeError())
    assert (trial.id, trial.parameters, trial.reports) == ("a", {"eps": 0.5}, [])
    assert (trial.status, trial.mistake, trial.away) == ("failed", "", False)


def test_one_that_storage_failed_says_so() -> None:
    trial = _told({"progress": 0.5}, {MISTAKE: "does not answer", AWAY: True}, error=RuntimeError())
    assert trial.away
    assert trial.mistake == "does not answer"
    assert _told({MISTAKE: "does not answer", AWAY: True}, {"progress": 1.0}).status == "finished"
