"""Reserved room in which nothing runs is given back, and room in use is not."""

import time
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import ray
from ray.util.placement_group import PlacementGroup, placement_group, remove_placement_group
from ray.util.scheduling_strategies import PlacementGroupSchedulingStrategy

from advgen_ray.config.space import ParameterConfig
from advgen_ray.distributed import orphans, tune
from advgen_ray.distributed.orphans import removed_meanwhile
from advgen_ray.distributed.schedules import Schedule
from advgen_ray.distributed.tune import Report, run_search
from tests.distributed.test_tune import Notes

pytestmark = [pytest.mark.ray, pytest.mark.usefixtures("ray_session")]


def _state(group: PlacementGroup) -> str:
    return str(ray.util.placement_group_table(group)["state"])


def _until(true: Callable[[], bool]) -> None:
    """Wait for what comes soon; a minute at most."""
    deadline = time.monotonic() + 60
    while not true() and time.monotonic() < deadline:
        time.sleep(0.1)


class _Clock:
    """Stands still but for the test; each look asks it once, first of all."""

    def __init__(self) -> None:
        self.now, self.asked = 0.0, 0

    def monotonic(self) -> float:
        self.asked += 1
        return self.now

    def show(self, now: float) -> None:
        """Until two looks have begun and ended under it."""
        self.now = now
        seen = self.asked
        _until(lambda: self.asked >= seen + 3)
        assert self.asked >= seen + 3, "nobody looks any more"


def test_a_group_that_nothing_runs_in_is_removed(monkeypatch: pytest.MonkeyPatch) -> None:
    @ray.remote(num_cpus=1)
    class Worker:
        def ready(self) -> bool:
            return True

    used, left = (placement_group([{"CPU": 1}]) for _ in range(2))
    ray.get([used.ready(), left.ready()])
    worker = Worker.options(scheduling_strategy=PlacementGroupSchedulingStrategy(used)).remote()
    ray.get(worker.ready.remote())
    clock = _Clock()
    monkeypatch.setattr(orphans, "time", clock)
    try:
        _until(lambda: orphans._idle() == [left.id.hex()])  # resources in use are told now and then
        with removed_meanwhile(look_seconds=0.1, patience_seconds=45.0):
            clock.show(0.0)
            clock.show(44.0)
            assert _state(left) == "CREATED", "not before its time"
            clock.show(45.0)
            _until(lambda: _state(left) == "REMOVED")
            clock.show(100.0)
        assert (_state(used), _state(left)) == ("CREATED", "REMOVED")
    finally:
        ray.kill(worker)
        remove_placement_group(used)


def test_a_look_that_fails_is_not_the_last(monkeypatch: pytest.MonkeyPatch) -> None:
    looks, removed = iter([RuntimeError("busy"), ["a"], ["a"]]), []

    def idle() -> list[str]:
        found = next(looks, [])
        if isinstance(found, Exception):
            raise found
        return list(found)

    monkeypatch.setattr(orphans, "_idle", idle)
    monkeypatch.setattr(orphans, "_remove", removed.append)
    with removed_meanwhile(look_seconds=0.01, patience_seconds=0.0):
        _until(lambda: removed != [])
    assert removed[:1] == ["a"]


def leave_room_taken(parameters: Mapping[str, Any], trial_id: str, report: Report) -> None:
    """As Ray Train's controller does where it is killed."""
    group = placement_group([{"CPU": 0.01}], name=f"left-{trial_id}", lifetime="detached")
    ray.get(group.ready())
    _until(lambda: _state(group) == "REMOVED")
    report({"progress": 1.0, "value": 1.0})


def test_a_search_gives_back_what_its_trials_leave_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    soon = partial(removed_meanwhile, look_seconds=0.2, patience_seconds=1.0)
    monkeypatch.setattr(tune, "removed_meanwhile", soon)
    space = (ParameterConfig(key="x", kind="choice", values=(1, 2)),)
    run_search(leave_room_taken, space, Schedule({"value": "max"}, 1, (), "random", 1, None), str(tmp_path), Notes())
    left = [one for one in ray.util.placement_group_table().values() if one["name"].startswith("left-")]
    assert [one["state"] for one in left] == ["REMOVED"]
