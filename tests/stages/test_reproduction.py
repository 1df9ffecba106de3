"""The catalogue's stage, with jobs that only say what they were asked: each once, in order, whatever fails."""

import json
from pathlib import Path
from typing import Any

import pytest

from advgen_ray import catalogue
from advgen_ray.analysis.estimate import alone
from advgen_ray.catalogue import chosen
from advgen_ray.catalogue.entry import Figure, Reading, Row, Work
from advgen_ray.config import ReproduceConfig
from advgen_ray.errors import IncompleteError, UserError
from advgen_ray.stages import reproduction

MODEL = Work("train_classifier", "digits_classifier", ("output=runs/model",))
ENERGIES = Work("score_energies", "digits_energies", ("classifiers=[runs/model/model]",), (MODEL,))
DETECTORS = Work("compare_detectors", "digits_detectors", ("classifier=runs/model/model",), (MODEL,))


def _row(name: str, work: Work, margin: float = 1.0) -> Row:
    return Row(
        id=name,
        source="a document",
        claim=f"Something holds in {name}.",
        margin="how much",
        published_on="other data",
        unit="number",
        small={"it": work},
        paper={"it": work},
        read=lambda found: Reading(
            [Figure("value", found["it"]["value"], 2.0)], alone(margin * found["it"]["value"] - 1)
        ),
    )


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, Any]]:
    """What the jobs are asked, in turn; energies are as large as their seed, detectors fail."""
    calls: list[tuple[str, Any]] = []

    def job(name: str) -> Any:
        def run(config: Any) -> dict[str, Any]:
            calls.append((name, config))
            if name == "compare_detectors":
                raise UserError("detectors: none")
            return {"value": 2.0 + getattr(config, "seed", 0) / 10_000, "report": f"{config.output}/report.html"}

        return run

    monkeypatch.setattr(reproduction, "PROGRAMS", {name: job(name) for name in reproduction.PROGRAMS})
    monkeypatch.setattr(reproduction, "connect", lambda: None)
    monkeypatch.setattr(
        catalogue,
        "ROWS",
        (_row("A1", ENERGIES), _row("A2", MODEL, -1.0), _row("B1", DETECTORS), _row("B2", ENERGIES)),
    )
    return calls


def test_a_work_runs_once_after_those_it_reads_and_a_failed_row_leaves_the_others(
    asked: list[tuple[str, Any]], tmp_path: Path
) -> None:
    config = ReproduceConfig(output=str(tmp_path / "all"))
    with pytest.raises(
        IncompleteError, match=r"^reproduction: 1 of 4 rows failed \(B1\); .*/all/report\.html says why"
    ):
        reproduction.run(config)
    assert [name for name, _ in asked] == ["train_classifier", "score_energies", "compare_detectors"]
    assert asked[1][1].classifiers == (f"{asked[0][1].output}/model",), "all under one root"
    rows = {row["row"]: row for row in json.loads((tmp_path / "all" / "summary.json").read_text())}
    assert rows["A1"]["ours"] == {"value": 2.0}
    assert (rows["A1"]["published"], rows["A1"]["holds"], rows["A1"]["margin"]) == ({"value": 2.0}, True, 1.0)
    assert rows["A1"]["command"] == "advgen reproduce --rows A1 --scale small"
    assert [rows[name]["holds"] for name in ("A1", "A2", "B1", "B2")] == [True, False, None, True]
    assert rows["B1"]["failed"] == "compare_detectors --recipe digits_detectors: detectors: none"
    page = (tmp_path / "all" / "report.html").read_text()
    assert "Of 4 published claims, 2 hold here at small scale, 1 does not, 1 could not be tested; 0 verdicts" in page
    for row in rows:
        assert f'<section id="{row}">' in page


def test_seeds_give_a_spread(asked: list[tuple[str, Any]], tmp_path: Path) -> None:
    reproduction.run(ReproduceConfig(rows=("A1",), num_seeds=3, output=str(tmp_path)))
    assert len({config.output for _, config in asked}) == len(asked) == 6
    (row,) = json.loads((tmp_path / "summary.json").read_text())
    assert row["ours"]["value"] == 3.0
    assert row["spread"]["value"] == [2.0, 4.0]
    assert row["margins"] == [1.0, 2.0, 3.0]
    page = (tmp_path / "report.html").read_text()
    assert ">over seeds<" in page
    assert "holds in 3 of 3 seeds, within noise" in page
    assert "how much: +2 (−0.484 to +4.48)" in page
    assert (row["margin"], row["within_noise"]) == (2.0, True)
    assert row["margin_interval"] == pytest.approx([2 - 4.30265 / 3**0.5, 2 + 4.30265 / 3**0.5], abs=1e-4)


def test_a_seed_that_fails_leaves_the_figures_of_those_before_but_no_verdict(
    asked: list[tuple[str, Any]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = reproduction.PROGRAMS["train_classifier"]

    def of_the_first_seed(config: Any) -> dict[str, Any]:
        if config.seed:
            raise UserError("no memory")
        return program(config)

    monkeypatch.setitem(reproduction.PROGRAMS, "train_classifier", of_the_first_seed)
    with pytest.raises(IncompleteError, match="1 of 1 rows failed"):
        reproduction.run(ReproduceConfig(rows=("A1",), num_seeds=3, output=str(tmp_path)))
    (row,) = json.loads((tmp_path / "summary.json").read_text())
    assert row["failed"] == "seed 1: train_classifier --recipe digits_classifier: no memory"
    assert (row["ours"], row["margins"], row["margin"], row["holds"]) == ({"value": 2.0}, [1.0], None, None)


def test_what_a_command_took_the_first_time_is_kept(asked: list[tuple[str, Any]], tmp_path: Path) -> None:
    config = ReproduceConfig(rows=("A1",), num_seeds=2, output=str(tmp_path))
    reproduction.run(config)
    kept = tmp_path / "seconds.json"
    kept.write_text(json.dumps(dict.fromkeys(json.loads(kept.read_text()), 100.0)))
    reproduction.run(config)
    (row,) = json.loads((tmp_path / "summary.json").read_text())
    assert row["seconds"] == 400.0, "two jobs under two seeds"


def test_the_time_of_runs_that_did_not_come_to_their_end_counts(
    asked: list[tuple[str, Any]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = iter(range(0, 100_000, 10))  # every look at the clock is ten seconds after the one before
    monkeypatch.setattr(reproduction.time, "monotonic", lambda: float(next(now)))
    program = reproduction.PROGRAMS["train_classifier"]

    def interrupted(config: Any) -> dict[str, Any]:
        raise KeyboardInterrupt

    config = ReproduceConfig(rows=("A1",), output=str(tmp_path))
    reproduction.PROGRAMS["train_classifier"] = interrupted
    for _ in range(2):
        with pytest.raises(KeyboardInterrupt):
            reproduction.run(config)
    reproduction.PROGRAMS["train_classifier"] = program
    for _ in range(2):
        reproduction.run(config)
    kept = json.loads((tmp_path / "seconds.json").read_text())
    assert sorted(kept.values()) == [10.0, 30.0], "energies in one run, the training in three"


def test_results_that_say_nothing_are_a_failed_row(asked: list[tuple[str, Any]], tmp_path: Path) -> None:
    reproduction.PROGRAMS["score_energies"] = lambda config: {}
    with pytest.raises(IncompleteError, match=r"1 of 2 rows failed \(A1\)"):
        reproduction.run(ReproduceConfig(rows=("A1", "A2"), output=str(tmp_path)))
    broken, sound = json.loads((tmp_path / "summary.json").read_text())
    assert broken["failed"] == "its results could not be read: KeyError: 'value'"
    assert sound["holds"] is False


def test_a_row_that_does_not_exist_is_named() -> None:
    with pytest.raises(UserError, match=r"rows: no row 'a1'; did you mean 'A1'\?"):
        chosen(["a1"])
    with pytest.raises(UserError, match=r"rows: no row 'figure 3'; the catalogue has A1 to "):
        chosen(["figure 3"])
    assert [row.id for row in chosen(["C7", "A1"])] == ["A1", "C7"]


def test_the_table_of_a_readme_is_written_between_its_marks(asked: list[tuple[str, Any]], tmp_path: Path) -> None:
    readme = tmp_path / "README.md"
    readme.write_text(f"# Title\n\n{reproduction.BEGIN}\nstale\n{reproduction.END}\n\nrest\n")
    config = ReproduceConfig(readme=str(readme), output=str(tmp_path / "out"))
    for _ in range(2):
        with pytest.raises(IncompleteError, match=r"\(B1\)"):
            reproduction.run(config)
    text = readme.read_text()
    assert text.startswith("# Title\n\n")
    assert text.endswith(f"{reproduction.END}\n\nrest\n")
    assert "stale" not in text
    assert "| A1 | Something holds in A1. | holds | how much: +1 |" in text
    assert "| A2 | Something holds in A2. | **does not hold** | how much: −3 |" in text
    readme.write_text(text.replace("how much: +1", "how much: +0.9").replace("how much: −3", "how much: −2"))
    reproduction.run(config.model_copy(update={"rows": ("A2",)}))
    assert readme.read_text() == text.replace("how much: +1", "how much: +0.9"), "a row that was not run keeps its line"
    readme.write_text("# No place\n")
    with pytest.raises(UserError, match="expected a Markdown file with one"):
        reproduction.run(config)
