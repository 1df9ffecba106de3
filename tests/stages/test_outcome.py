"""What a job leaves for programs is JSON that every reader takes, and lies in its run as well."""

import json
from pathlib import Path
from typing import Any, cast

import pytest

from advgen_ray.config import ScoreEnergiesConfig
from advgen_ray.report.page import Page
from advgen_ray.stages import counterfactuals, energies
from advgen_ray.stages.outcome import publish
from advgen_ray.storage import ResultSet
from advgen_ray.tracking import Run
from tests.damage import made_set


class KeptRun:
    """A run that keeps the files it is given."""

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}

    def log_file(self, name: str, content: bytes) -> None:
        self.files[name] = content


def _tracked(run: KeptRun) -> Run:
    return cast(Run, run)


def test_what_json_does_not_have_becomes_null(tmp_path: Path) -> None:
    page = Page("title", "heading", "data", "0", "answer", "lead", [], [])
    publish(str(tmp_path), {"a": float("nan"), "b": [{"c": -float("inf")}, (1, 2.5)], "d": "nan"}, page)
    text = (tmp_path / "summary.json").read_text()
    assert json.loads(text) == {"a": None, "b": [{"c": None}, [1, 2.5]], "d": "nan"}
    assert "NaN" not in text
    assert "heading" in (tmp_path / "report.html").read_text()


@pytest.mark.parametrize("page", [None, Page("title", "heading", "data", "0", "answer", "lead", [], [])])
def test_the_run_has_what_lies_under_the_output(tmp_path: Path, page: Page | None) -> None:
    run = KeptRun()
    publish(str(tmp_path), {"a": 1}, page, _tracked(run))
    assert run.files == {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    assert set(run.files) == {"summary.json"} | ({"report.html"} if page else set())


def test_energies_without_a_mean_have_a_summary_that_every_reader_takes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def summary(result_set: Any) -> dict[str, Any]:
        return {"groups": [{"mean_energy_x": float("nan")}]}

    monkeypatch.setattr(energies, "_summary", summary)
    run = KeptRun()
    energies._publish(ScoreEnergiesConfig(attacks=(), output=str(tmp_path)), cast(ResultSet, None), _tracked(run))
    assert json.loads(run.files["summary.json"], parse_constant=pytest.fail) == {"groups": [{"mean_energy_x": None}]}


def test_a_set_of_counterfactuals_has_its_summary_beside_it_and_in_the_run(tmp_path: Path) -> None:
    made, run = ResultSet.open(made_set(tmp_path)), KeptRun()
    summary = counterfactuals._publish(made, _tracked(run))
    assert json.loads(run.files["summary.json"]) == summary == counterfactuals._summary(made)
    assert (Path(made.uri) / "summary.json").read_bytes() == run.files["summary.json"]
