"""The page of a comparison of detectors: its figures are those of the tables, its words fit what came out."""

from typing import Any

import numpy as np
import pandas as pd
import pytest

from advgen_ray.analysis.detector_scores import compare, detector_inputs, names_of, only_fooled
from advgen_ray.report import numbers
from advgen_ray.report.blocks import Table
from advgen_ray.report.detectors_page import DetectorResults, detectors_page, separating
from advgen_ray.report.page import Page, panels_of, render

CONFIG: dict[str, Any] = {"data": {"name": "digits"}, "seed": 0}
NUM_IMAGES = 30


def _rows(view: str, attack: str, shift: float, *, right: bool) -> pd.DataFrame:
    random = np.random.default_rng(int(10 * shift))
    return pd.DataFrame(
        {
            "image_id": [str(index) for index in range(NUM_IMAGES)],
            "half": ["validation", "test"] * (NUM_IMAGES // 2),
            "view": view,
            "attack": attack,
            "attack_eps": 0.0 if view == "natural" else 0.5,
            "correct": right,
            "energy_x": random.normal(size=NUM_IMAGES) - shift,
            "energy_xy": random.normal(size=NUM_IMAGES),
            "kd_bu": [row - shift for row in random.normal(size=(NUM_IMAGES, 1))],
        }
    )


def _page(attacks: tuple[str, ...] = ("pgd", "fab"), *, noisy: bool = True, right: bool = False) -> Page:
    rows = [_rows("natural", "", 0.0, right=True)]
    for index, attack in enumerate(attacks):
        rows.append(_rows("attacked", attack, 1.5 + index, right=right))
        rows += [_rows("noisy", attack, 0.3, right=True)] if noisy else []
    inputs = detector_inputs(pd.concat(rows), {(attack, 0.5): f"{attack.upper()} (0.5)" for attack in attacks})
    detectors = names_of(("energy", "kd_bu"), False)
    results = DetectorResults(
        inputs,
        compare(inputs, detectors),
        compare(only_fooled(inputs), detectors),
        compare(inputs, detectors, fitted_on="PGD (0.5)") if len(attacks) > 1 else None,
        ["a <b>warning</b>"],
    )
    return detectors_page(results, CONFIG, "9.9")


@pytest.fixture(scope="module")
def page() -> Page:
    return _page()


def _tables(page: Page) -> dict[str, Table]:
    return {block.title: block for section in page.sections for block in section.blocks if isinstance(block, Table)}


def test_figures_and_words_are_those_of_the_tables(page: Page) -> None:
    rows = _tables(page)["Every detector on every attack"].rows
    assert [row[0] for row in rows] == ["Energy, PGD (0.5)", "Energy, FAB (0.5)", "KD, PGD (0.5)", "KD, FAB (0.5)"]
    assert [key.title for key in page.key_figures] == ["Energy", "KD"]
    for key, row in zip(page.key_figures, (rows[0], rows[2]), strict=True):
        assert row[1].startswith(key.value)
        assert f"{key.title} finds {key.value} at {row[2]} false alarms" in page.answer
        assert row[2] in key.detail
    assert f"{numbers.count(NUM_IMAGES)} natural images" in page.lead
    assert {row[5] for row in rows} == {"15"}
    first = page.sections[0]
    assert any(f"{rows[0][3]} by Energy, {rows[2][3]} by KD" in sentence for sentence in first.sentences)


def test_published_rows_stand_beside_ours_with_the_misprint_told(page: Page) -> None:
    table = _tables(page)["Every detector on every attack"]
    assert ["Energy, PGD (8/255), CIFAR-10", "98.38%", "1.67%*", "", "", ""] in table.context
    assert ["LID, PGD (8/255), CIFAR-10", "94.39%", "1.81%", "", "", ""] in table.context
    assert len(table.context) == 6
    assert "prints 1.62" in table.caption
    energy, density = page.key_figures
    assert "98.4% at 1.7%, CIFAR-10" in energy.published
    assert density.published == "", "KD alone is not what S003 quotes"


def test_the_page_renders_and_can_become_part_of_another(page: Page) -> None:
    html = render(page)
    assert "a &lt;b&gt;warning" in html
    assert "9.9" in html
    anchors = [section.anchor for section in page.sections]
    assert len(set(anchors)) == len(anchors)
    assert all(anchor.startswith("detectors") for anchor in anchors if anchor != "run"), "no clash in a study's page"
    names = [panel.name for panel in panels_of(page.sections)]
    assert names == [
        "detectors-by-attack", "roc-pgd-0-5", "roc-fab-0-5", "detectors-energy-x-under-pgd-0-5",
        "detectors-energy-x-under-fab-0-5",
    ]  # fmt: skip
    assert all(panel.svg.startswith(b"<?xml") and panel.alt for panel in panels_of(page.sections))


def test_what_was_not_run_is_left_out() -> None:
    one = _page(("pgd",), noisy=False, right=True)
    assert set(_tables(one)) == {"Every detector on every attack"}, "one attack, and it fooled nobody"
    assert not any("random noise" in sentence for sentence in one.sections[0].sentences)
    assert {row[3] for row in _tables(one)["Every detector on every attack"].rows} == {"n/a"}
    assert "Attacks that were not expected" in _tables(_page())
    render(one)


@pytest.mark.parametrize(
    ("areas", "told"),
    [
        ({"Energy": 0.9}, "Energy separates PGD"),
        ({"Energy": 0.9, "KD": 0.8}, "Energy separates PGD best"),
        ({"Energy": 0.9, "KD": 0.901, "LID": 0.5}, "Energy and KD separate PGD best"),
        ({"Energy": 1.0, "KD": 1.0}, "Energy and KD separate PGD"),
    ],
)
def test_the_best_detector_is_better_than_another(areas: dict[str, float], told: str) -> None:
    table = pd.DataFrame({"detector": list(areas), "auroc": areas.values(), "attack": "PGD"})
    assert separating(table) == told
