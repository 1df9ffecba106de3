"""The page of OOD detection: its figures are the table's, the positive class is named wherever there is one."""

from typing import Any

import numpy as np
import pandas as pd
import pytest

from advgen_ray.analysis.ood import IN, ood_table
from advgen_ray.analysis.published_ood import ood_beside
from advgen_ray.report.blocks import Table
from advgen_ray.report.ood_page import OODResults, ood_page
from advgen_ray.report.page import Page, panels_of, render
from advgen_ray.report.plots_ood import Picture

CONFIG: dict[str, Any] = {
    "data": {"name": "digits"},
    "attack": {"norm": "l2", "eps": 1.0, "num_steps": 9, "num_restarts": 3},
}


def _results(**changes: Any) -> OODResults:
    generator = np.random.default_rng(0)
    rows = [
        pd.DataFrame(
            {
                "detector": detector,
                "image_set": name,
                "clean_score": generator.normal(place, 1, 40),
                "worst_score": generator.normal(place - fall, 1, 40) if name != IN else 0.0,
            }
        )
        for detector, fall in (("firm", 0.5), ("weak", 6.0))
        for name, place in ((IN, 0.0), ("noise", 5.0), ("letters", 2.0))
    ]
    scores = pd.concat(rows, ignore_index=True)
    values: dict[str, Any] = {
        "table": ood_table(scores),
        "rows": scores,
        "pictures": {name: [Picture(np.full((1, 8, 8), 0.5), "noise", -1.5)] * 3 for name in ("firm", "weak")},
        "trained_on": {"firm": frozenset({"noise"}), "weak": frozenset()},
        "skipped": {},
        "side": 8,
    }
    return OODResults(**(values | changes))


def _tables(page: Page) -> list[Table]:
    return [block for section in page.sections for block in section.blocks if isinstance(block, Table)]


def test_detectors_are_compared_on_sets_that_none_was_trained_on() -> None:
    results = _results()
    page = ood_page(results, CONFIG, "1")
    of = results.table.set_index(["detector", "image_set", "case"])["auroc"]
    assert "firm tells 1 set that no detector was trained on from digits" in page.answer
    assert f"{of['firm', 'letters', 'worst']:.2f} ({of['firm', 'letters', 'standard']:.2f}" in page.answer
    assert "with an AUROC of" in page.answer, "of one set there is no mean"
    assert page.sections[0].sentences[0] == "Detectors are compared on letters."
    assert page.key_figures[0].detail.startswith("worst case; standard")
    assert [key.title for key in page.key_figures] == ["firm", "weak"]
    assert page.key_figures[1].value == f"{of['weak', 'letters', 'worst']:.2f}"
    standard, worst = _tables(page)[:2]
    assert standard.rows[0][1].startswith(f"{of['firm', 'noise', 'standard']:.3f}")
    assert worst.rows[1][2].startswith(f"{of['weak', 'letters', 'worst']:.3f}")
    assert "†" in worst.rows[0][1]
    assert "†" not in worst.rows[1][1]


def test_where_a_detector_saw_every_set_nothing_is_said_to_be_new() -> None:
    seen = {"firm": frozenset({"noise", "letters"}), "weak": frozenset()}
    assert "firm tells 2 sets from digits" in ood_page(_results(trained_on=seen), CONFIG, "1").answer


def test_every_table_names_the_positive_class() -> None:
    tables = _tables(ood_page(_results(), CONFIG, "1"))
    assert len(tables) == 5
    assert all("Positive class: out of distribution" in table.caption for table in tables)


def test_what_was_left_out_is_on_the_page_with_its_reason() -> None:
    html = render(ood_page(_results(skipped={"photographs": "/nowhere: not found"}), CONFIG, "1"))
    assert "photographs (/nowhere: not found)" in html
    assert "could not be read" not in render(ood_page(_results(), CONFIG, "1"))


@pytest.mark.parametrize(("side", "first"), [(32, "0.994"), (256, "1.000")])
def test_published_figures_stand_beside_images_of_their_size(side: int, first: str) -> None:
    table = next(one for one in _tables(ood_page(_results(side=side), CONFIG, "1")) if "Published" in one.title)
    assert table.rows[0][1] == first
    assert "Not measured here" in table.caption
    assert len(table.rows) == 2 * len(ood_beside(side).standard)


def test_every_panel_draws_and_has_a_name_of_its_own() -> None:
    scores = _results().rows
    spread = scores.assign(clean_score=10.0 ** scores["clean_score"], worst_score=10.0 ** scores["worst_score"])
    constant = scores.assign(clean_score=0.0, worst_score=0.0)
    for rows in (scores, spread, constant):
        panels = panels_of(ood_page(_results(rows=rows), CONFIG, "1").sections)
        assert len({panel.name for panel in panels}) == len(panels) == 5
        assert all(panel.svg.startswith(b"<?xml") and panel.alt for panel in panels)
