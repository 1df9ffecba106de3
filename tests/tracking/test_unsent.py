"""Files of what was not sent: a damaged one is in nobody's way, and a claim is its owner's, on whichever machine."""

import os
import time
from pathlib import Path
from typing import Any

import pytest

from advgen_ray.tracking import tracked_run, unsent

ENTRY = {"do": "end", "run": "key", "status": "FINISHED"}


@pytest.mark.parametrize("content", ['{"server": "http://one", "entr', "[]", "{}", "\udcff"])
def test_a_damaged_file_is_put_aside_and_the_others_are_taken(
    content: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "a.json").write_bytes(content.encode(errors="surrogateescape"))
    unsent.store(tmp_path, "http://one", [ENTRY], {})
    with unsent.claimed(tmp_path, "http://one") as found:
        assert [one.entries for one in found] == [[ENTRY]]
        found[0].sent = True
    assert [path.name for path in tmp_path.iterdir()] == ["a.damaged"]
    assert capsys.readouterr().err.count("a.damaged cannot be read, nor sent") == 1


def test_what_waits_for_another_server_stays_there(tmp_path: Path) -> None:
    stored = unsent.store(tmp_path, "http://two", [ENTRY], {})
    with unsent.claimed(tmp_path, "http://one") as found:
        assert found == []
    assert list(tmp_path.iterdir()) == [stored]
    with unsent.claimed(tmp_path, "http://two") as found:
        assert len(found) == 1


def test_a_claim_of_another_machine_is_left_alone_for_an_hour(tmp_path: Path) -> None:
    stored = unsent.store(tmp_path, "http://one", [ENTRY], {})
    theirs = stored.rename(tmp_path / f"{stored.stem}.999999999.node-7.example.org{unsent.CLAIMED}")
    with unsent.claimed(tmp_path, "http://one") as found:
        assert found == [], "no process here has their number, but there may be one"
    long_ago = theirs.stat().st_mtime - unsent.FOREIGN_CLAIM_SECONDS - 1
    os.utime(theirs, (long_ago, long_ago))
    with unsent.claimed(tmp_path, "http://one") as found, unsent.claimed(tmp_path, "http://one") as second:
        assert len(found) == 1
        assert second == []
    assert stored.exists()


def test_what_has_waited_for_long_is_claimed_from_now_on(tmp_path: Path) -> None:
    """Another machine goes by the file's time, else it would take a claim for dead that has just begun."""
    os.utime(unsent.store(tmp_path, "http://one", [ENTRY], {}), (0, 0))
    with unsent.claimed(tmp_path, "http://one"):
        (claim,) = tmp_path.glob(f"*{unsent.CLAIMED}")
        assert time.time() - claim.stat().st_mtime < unsent.FOREIGN_CLAIM_SECONDS / 2


def test_a_claim_that_was_taken_away_is_no_error(tmp_path: Path) -> None:
    for sent in (True, False):
        unsent.store(tmp_path, "http://one", [ENTRY], {})
        with unsent.claimed(tmp_path, "http://one") as found:
            found[0].sent = sent
            next(tmp_path.glob(f"*{unsent.CLAIMED}")).unlink()
    assert list(tmp_path.iterdir()) == []


def test_whatever_waits_costs_a_job_no_record_of_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def odd(*_: Any) -> Any:
        raise PermissionError("runs/unsent is another user's")

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(unsent, "claimed", odd)
    with tracked_run("work", {"seed": 1}) as run:
        pass
    assert run.id, "it was opened in MLflow"
    assert "another user's" in capsys.readouterr().err
