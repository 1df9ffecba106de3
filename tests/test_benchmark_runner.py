"""The benchmark table: rows are joined and kept, a failure is reported and the rest goes on."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.benchmarks import run as runner
from tests.benchmarks.footprint import Footprint
from tests.benchmarks.limits import Benchmark
from tests.benchmarks.measure import interleaved, median_and_spread


def row(name: str, ratio: float = 1.0) -> dict[str, object]:
    return {"name": name, "ratio": ratio, "value": 2.0, "unit": "images/s", "against": "a loop", "spread": 0.1}


def good() -> list[dict[str, object]]:
    return [row("good", 0.5)]


def family() -> list[dict[str, object]]:
    return [row("family_b")]


def broken() -> list[dict[str, object]]:
    raise RuntimeError("no luck")


@pytest.fixture(autouse=True)
def _three_benchmarks(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    names = {name: Benchmark(f"{__name__}:{name}", "<= 1", "the rest") for name in ("broken", "good", "family")}
    monkeypatch.setattr(runner, "BENCHMARKS", names)


def kept() -> dict[str, float]:
    return {entry["name"]: entry["ratio"] for entry in json.loads(Path("runs/bench.json").read_text())}


def test_a_failure_is_reported_and_the_rest_goes_on(capsys: pytest.CaptureFixture[str]) -> None:
    assert runner.main([]) == 1
    captured = capsys.readouterr()
    assert "no luck" in captured.err
    assert "failed: broken" in captured.err
    assert kept() == {"good": 0.5, "family_b": 1.0}
    assert [line.split()[0] for line in captured.out.splitlines()[-3:]] == ["name", "good", "family_b"]


def test_only_keeps_the_other_rows_and_drops_what_it_no_longer_makes() -> None:
    Path("runs").mkdir()
    former = [row("good", 9.0), row("family_a", 9.0), row("other", 9.0)]
    Path("runs/bench.json").write_text(json.dumps(former))
    assert runner.main(["--only", "family_a"]) == 0  # a row's name runs the benchmark that makes it
    assert kept() == {"good": 9.0, "other": 9.0, "family_b": 1.0}
    told = Path("runs/bench.md").read_text().splitlines()
    assert told[-1] == "| family_b | 1.000 | 0.100 | <= 1 | 2 images/s | a loop | the rest |"
    assert len(told) == 2 + 3, "those of former runs too"


def test_a_row_that_later_readers_could_not_use_is_a_failure(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(f"{__name__}.good", lambda: [{**row("good"), "spread": [0.1, 0.2]}])
    assert runner.main(["--only", "good"]) == 1
    assert "spread is [0.1, 0.2]" in capsys.readouterr().err
    assert not Path("runs/bench.json").exists()


def test_an_unknown_name_runs_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    assert runner.main(["--only", "god"]) == 2
    assert "did you mean good?" in capsys.readouterr().err
    assert not Path("runs").exists()


def test_the_names_of_the_listing_can_be_loaded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    for one in runner.BENCHMARKS.values():
        assert callable(runner.load(one.measure))


def test_both_sides_are_measured_in_turn() -> None:
    calls: list[str] = []
    ours, theirs = interleaved(lambda: calls.append("a"), lambda: calls.append("b"), repeats=3)
    assert "".join(calls) == "ab" + "ab" + "ba" + "ab"
    assert len(ours) == len(theirs) == 3
    assert median_and_spread([1.0, 2.0, 4.0, 8.0, 100.0]) == (4.0, 6.0)
    assert median_and_spread([3.0]) == (3.0, 0.0)


GROWS_WHEN_TOLD = """
print(flush=True)
for size in (64 * 2**20, 0):
    input()
    held = bytearray(size)
    held[::4096] = b"x" * len(held[::4096])
    print(flush=True)
input()
"""


def test_a_footprint_is_a_peak_and_its_growth_begins_with_the_first_shard(tmp_path: Path) -> None:
    watched = subprocess.Popen(
        [sys.executable, "-c", GROWS_WHEN_TOLD], stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0
    )
    assert watched.stdin
    assert watched.stdout
    watched.stdout.readline()
    seen = Footprint(watched.pid, tmp_path)
    seen.sample()
    before = seen.driver_rss
    assert 0 < seen.driver_pss <= before
    (tmp_path / "shard-00000.parquet").touch()
    for _ in ("grown", "shrunk"):
        seen.sample()
        watched.stdin.write(b"\n")
        watched.stdout.readline()
    seen.sample()
    watched.communicate(b"\n")
    assert 60 * 2**20 < seen.driver_growth < 80 * 2**20
    assert seen.driver_rss >= before + seen.driver_growth
