"""The progress line counts what is there, rates what was done here, and says what is left."""

from collections.abc import Callable

import pytest

from advgen_ray.distributed import progress as module
from advgen_ray.distributed.progress import Progress
from advgen_ray.errors import UserError


def test_the_line_counts_rates_and_foretells(monkeypatch: pytest.MonkeyPatch) -> None:
    progress = Progress("counterfactuals", num_shards=10, shards_before=4)
    monkeypatch.setattr(module.time, "monotonic", lambda: progress.begin + 20.0)
    assert progress.line() == "counterfactuals: 4/10 shards, starting (0:20)"
    for _ in range(2):
        progress.add(100)
    assert progress.line() == "counterfactuals: 6/10 shards, 200 images, 10.0 images/s, 0:40 left"
    for _ in range(4):
        progress.add(100)
    assert progress.line() == "counterfactuals: 10/10 shards, 600 images, 30.0 images/s, 0:20"


def test_shards_that_failed_are_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    progress = Progress("energies", num_shards=5, shards_before=1)
    monkeypatch.setattr(module.time, "monotonic", lambda: progress.begin + 20.0)
    progress.add(100)
    progress.fail(10)
    assert progress.line() == "energies: 2/5 shards, 100 images, 5.0 images/s, 10 failed, 0:20 left"


class _Intervals:
    """In the place of what the thread waits for: so many intervals pass at once, and what happens in one of them."""

    def __init__(self, count: int, happens: dict[int, Callable[[], None]] | None = None) -> None:
        self.count, self.happens, self.passed = count, happens or {}, 0

    def wait(self, seconds: float) -> bool:
        assert seconds == module.INTERVAL_SECONDS
        self.passed += 1
        if self.passed in self.happens:
            self.happens[self.passed]()
        return self.passed > self.count


def _printed(progress: Progress, intervals: _Intervals, monkeypatch: pytest.MonkeyPatch) -> None:
    """All that the thread prints in these intervals, at one moment."""
    monkeypatch.setattr(module.time, "monotonic", lambda: progress.begin + 10.0)
    monkeypatch.setattr(progress, "_closing", intervals)
    progress._print_until_closed()


def test_what_has_not_changed_is_said_once_in_six_intervals(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    progress = Progress("energies", num_shards=2, shards_before=0)
    _printed(progress, _Intervals(15, {9: lambda: progress.fail(10)}), monkeypatch)
    lines = capsys.readouterr().out.splitlines()
    assert lines[:2] == ["energies: 0/2 shards, starting (0:10)"] * 2, "in intervals 1 and 7"
    assert [", 10 failed" in line for line in lines[2:]] == [True, True], "in intervals 9 and 15"


def test_a_note_is_added_and_printed_when_it_changes(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    notes = iter(["", "3 stand", "3 stand", "2 stand", "2 stand"])
    progress = Progress("robustness", num_shards=2, shards_before=0, note=lambda: next(notes))
    _printed(progress, _Intervals(5), monkeypatch)
    assert capsys.readouterr().out.splitlines() == [
        "robustness: 0/2 shards, starting (0:10)",
        "robustness: 0/2 shards, working (0:10); 3 stand",
        "robustness: 0/2 shards, working (0:10); 2 stand",
    ]


def test_a_note_that_cannot_be_read_leaves_what_was_known(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    notes = iter(["3 stand", UserError("s3://bucket/set: does not answer"), FileNotFoundError(), "2 stand"])

    def note() -> str:
        told = next(notes)
        if isinstance(told, Exception):
            raise told
        return told

    _printed(Progress("robustness", num_shards=2, shards_before=0, note=note), _Intervals(4), monkeypatch)
    assert [line.rpartition("; ")[2] for line in capsys.readouterr().out.splitlines()] == ["3 stand", "2 stand"]


def test_the_thread_ends_with_the_work_and_the_last_line_is_of_its_end(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(module, "INTERVAL_SECONDS", 0.01)
    with Progress("energies", num_shards=1, shards_before=0) as progress:
        assert progress._thread.is_alive()
        progress.add(3)
    assert not progress._thread.is_alive()
    assert capsys.readouterr().out.splitlines()[-1].startswith("energies: 1/1 shards, 3 images, ")
    with pytest.raises(KeyError), Progress("energies", num_shards=1, shards_before=0) as failing:
        raise KeyError
    assert not failing._thread.is_alive()
