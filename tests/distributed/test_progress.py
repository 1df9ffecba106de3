"""The progress line counts what is there, rates what was done here, and says what is left."""

import time

import pytest

from advgen_ray.distributed import progress as module
from advgen_ray.distributed.progress import Progress


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


def test_lines_come_while_nothing_is_done_and_stop_afterwards(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(module, "INTERVAL_SECONDS", 0.01)
    with Progress("energies", num_shards=2, shards_before=0):
        time.sleep(0.3)
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "energies: 0/2 shards, starting (0:00)"
    assert 3 <= len(lines) <= 7  # about thirty intervals; one line in six of them, and the last
    time.sleep(0.05)
    assert capsys.readouterr().out == ""


def test_a_note_is_added_and_printed_when_it_changes(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(module, "INTERVAL_SECONDS", 0.01)
    notes = iter(["", "3 stand", "3 stand", "2 stand"] + ["2 stand"] * 1000)
    with Progress("robustness", num_shards=2, shards_before=0, note=lambda: next(notes)):
        time.sleep(0.5)
    lines = capsys.readouterr().out.splitlines()
    notes_printed = [line.partition("; ")[2] for line in lines]
    assert [", working (" in line for line in lines] == [bool(note) for note in notes_printed[:-1]] + [True]
    assert [note for note in dict.fromkeys(notes_printed) if note] == ["3 stand", "2 stand"]
    assert notes_printed.count("3 stand") == 1, "a line is printed when the note changes, not each time it is asked"
