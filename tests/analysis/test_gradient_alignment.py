"""Alignment over sources: means, correlations with their intervals, and the page made of them."""

import math

import numpy as np
import pandas as pd
import pytest

from advgen_ray.analysis.gradient_alignment import alignment_table, correlation_interval, source_points
from advgen_ray.config.gradient_alignment import AlignGradientsConfig
from advgen_ray.report.alignment_page import alignment_page
from advgen_ray.report.page import panels_of, render


def _rows(pull: float, name: str = "eps-0.0", eps: float = 0.0, num_sources: int = 40) -> pd.DataFrame:
    """Cosines that fall with distance by ``pull``, 3 classes; a same-class CE of cosine -1 that must not count."""
    rng = np.random.default_rng(0)
    found = []
    for source in range(num_sources):
        hardness = rng.uniform(0, 2)
        for target in range(3):
            same = target == source % 3
            found.append(
                {
                    "classifier": name, "classifier_eps": np.float32(eps), "source_id": f"i{source}",
                    "source_label": source % 3, "y_target": target, "l2": 1 + hardness,
                    "alignment": -1.0 if same else 0.4 + eps / 10 - pull * hardness + 0.01 * rng.normal(),
                    "class_alignment": -1.0 if same else 0.2,
                }
            )  # fmt: skip
    return pd.DataFrame(found)


def test_a_source_is_the_mean_of_its_different_class_counterfactuals() -> None:
    points = source_points(_rows(0.0))
    assert len(points) == 40
    assert points["alignment"].between(0.3, 0.5).all()
    assert points["class_alignment"].to_numpy() == pytest.approx(0.2)


def test_the_table_finds_the_slope_that_was_planted_and_none_where_there_is_none() -> None:
    table = alignment_table(source_points(pd.concat([_rows(0.1, "eps-1.0", 1.0), _rows(0.0)])))
    assert table["classifier"].tolist() == ["eps-0.0", "eps-1.0"]  # by rising radius
    flat, steep = table.iloc[0], table.iloc[1]
    assert steep["alignment_slope"] == pytest.approx(-0.1, abs=0.01)
    assert steep["alignment_correlation_high"] < -0.9
    assert flat["alignment_correlation_low"] < 0 < flat["alignment_correlation_high"]
    assert math.isnan(flat["class_alignment_correlation"])  # a constant has none
    assert flat["alignment_error"] == pytest.approx(0.01 / math.sqrt(2 * 40), rel=0.4)


def test_the_interval_of_a_correlation_covers_it_as_often_as_it_says() -> None:
    rng, covered = np.random.default_rng(1), []
    for _ in range(400):
        x = rng.normal(size=50)
        low, high = correlation_interval(x, 0.5 * x + math.sqrt(0.75) * rng.normal(size=50))[1]
        covered.append(low <= 0.5 <= high)
    assert 0.92 <= np.mean(covered) <= 0.98
    assert correlation_interval(np.arange(5.0), 2 * np.arange(5.0)) == (pytest.approx(1.0), (pytest.approx(1.0),) * 2)
    assert math.isnan(correlation_interval(np.arange(3.0), np.arange(3.0))[0])


@pytest.mark.parametrize("several", [True, False])
def test_the_page_says_what_the_table_says(several: bool) -> None:
    points = source_points(pd.concat([_rows(0.0), _rows(0.1, "eps-1.0", 5.0)]) if several else _rows(0.1))
    table = alignment_table(points)
    page = alignment_page(table, points, AlignGradientsConfig().model_dump(mode="json"), "1")
    sentences = page.sections[0].sentences
    assert "better aligned where counterfactuals lie near" in sentences[-1]
    if several:
        assert page.answer.endswith("turns gradients towards them.")
        assert "no relation that can be told" in sentences[0]
    assert len(panels_of(page.sections)) == 1 + len(table)
    assert "to the class mean 0.20" in render(page)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (0.5, "robust training turns gradients towards them."),
        (-0.5, "robust training turns gradients away from them."),
        (-0.2, "whether robust training turns gradients towards them cannot be told from these sources."),
    ],
)
def test_the_answer_turns_with_the_change_and_its_errors(change: float, words: str) -> None:
    points = source_points(pd.concat([_rows(0.0), _rows(0.0, "eps-1.0", 1.0)]))
    table = alignment_table(points).assign(alignment=[0.3, 0.3 + change], alignment_error=0.1)
    page = alignment_page(table, points, AlignGradientsConfig().model_dump(mode="json"), "1")
    assert page.answer.endswith(f"under eps-1.0: {words}")
