"""The page of a robust evaluation: its figures, its pictures, its doubts."""

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from advgen_ray.analysis.worst_case import WorstCase, worst_case
from advgen_ray.report.page import panels_of, render
from advgen_ray.report.robustness_page import FallenImages, robustness_page

CONFIG: dict[str, Any] = {"data": {"name": "digits"}, "norm": "l2", "eps": 0.5, "split": "test"}


@pytest.fixture
def result() -> WorstCase:
    fallen_to = ["clean"] + ["apgd-ce"] * 3 + ["square"] + [""] * 15
    rows = pd.DataFrame({"fallen_to": fallen_to, "distance": [0.0] + [0.3] * 4 + [0.0] * 15})
    return worst_case(rows, ["apgd-ce", "square"])


def _fallen(num_images: int, channels: int) -> FallenImages:
    clean = np.random.default_rng(0).random((num_images, channels, 8, 8), dtype=np.float32)
    return FallenImages(clean, np.clip(clean + 0.1, 0, 1), ["3 → 8\napgd-ce"] * num_images)


@pytest.mark.parametrize("channels", [1, 3])
def test_the_page_says_what_stands(result: WorstCase, channels: int) -> None:
    page = robustness_page(result, _fallen(4, channels), ["gradients are masked"], CONFIG, "1")
    assert page.answer.startswith("75.0% of 20 images are classified correctly")
    assert [section.anchor for section in page.sections] == ["attacks", "fallen", "doubts", "run"]
    html = render(page)
    assert "gradients are masked" in html
    assert "95.0%" in html
    standing, fallen = panels_of(page.sections)
    assert "after square 75.0%" in standing.alt
    assert all(panel.svg.lstrip().startswith(b"<?xml") for panel in (standing, fallen))


def test_without_a_fall_there_are_no_pictures_and_without_doubts_it_says_so(result: WorstCase) -> None:
    page = robustness_page(replace(result, median_distance=float("nan")), _fallen(0, 1), [], CONFIG, "1")
    assert page.lead.endswith("before any attack; none fell.")
    assert [section.anchor for section in page.sections] == ["attacks", "doubts", "run"]
    assert page.sections[1].sentences[0].startswith("Nothing found")
