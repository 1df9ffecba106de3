"""What is told and recorded of trials while they run; nothing is started."""

from types import SimpleNamespace
from typing import Any

import pytest

from advgen_ray.stages.trials import Follower


@pytest.mark.parametrize("settings_change", [False, True])
def test_ends_are_counted_and_settings_that_stay_are_the_runs_own(
    settings_change: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    opened: list[Any] = []
    follower = Follower("d", "out", 2, lambda report: ({}, ""), lambda _, trial: trial, settings_change)
    follower.runs = SimpleNamespace(run=lambda *of: opened.append(of), close=lambda key: None)  # type: ignore[assignment]
    for name in ("a", "b"):
        follower.ended(SimpleNamespace(id=name, parameters={"eps": 0.5}, status="finished"))  # type: ignore[arg-type]
    told = capsys.readouterr().out.splitlines()
    assert told == ["trial a  finished, 1/2 trials", "trial b  finished, 2/2 trials"]
    assert opened[0][2] == {"output": "out/trials/a"} | ({} if settings_change else {"eps": 0.5})
