"""What a job leaves for programs is JSON that every reader takes."""

import json
from pathlib import Path

from advgen_ray.report.page import Page
from advgen_ray.stages.outcome import publish


def test_what_json_does_not_have_becomes_null(tmp_path: Path) -> None:
    page = Page("title", "heading", "data", "0", "answer", "lead", [], [])
    publish(str(tmp_path), {"a": float("nan"), "b": [{"c": -float("inf")}, (1, 2.5)], "d": "nan"}, page)
    text = (tmp_path / "summary.json").read_text()
    assert json.loads(text) == {"a": None, "b": [{"c": None}, [1, 2.5]], "d": "nan"}
    assert "NaN" not in text
    assert "heading" in (tmp_path / "report.html").read_text()
