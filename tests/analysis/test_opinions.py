"""Opinions stand in the order of the set, whatever the order in which they were stored."""

import numpy as np
import pandas as pd
import pytest

from advgen_ray.analysis.opinions import NOT_SCORED, OPINION_COLUMNS, read_opinions

ITEMS, SOURCES = ["a/0/0", "a/1/0", "b/0/0"], ["a", "b"]


def rows(classifier: str, eps: float, view: str, image_set: str, said: dict[str, tuple[int, float]]) -> pd.DataFrame:
    ids, (predicted, confidence) = list(said), zip(*said.values(), strict=True)
    values = [classifier, np.float32(eps), 0, view, image_set, ids, predicted, np.array(confidence, np.float32)]
    return pd.DataFrame(dict(zip(OPINION_COLUMNS, values, strict=True)))


@pytest.fixture
def tables() -> list[pd.DataFrame]:
    return [
        rows("judge", 0.0, "counterfactual", "main", {"b/0/0": (3, 0.5), "a/0/0": (1, 0.25)}),
        rows("judge", 0.0, "clean", "train", {"other": (9, 1.0), "b": (7, 0.75)}),
        rows("robust", 0.3, "counterfactual", "main", dict.fromkeys(ITEMS, (2, 0.5))),
        rows("plain", 0.0, "counterfactual", "variant", dict.fromkeys(ITEMS, (8, 0.5))),
        rows("plain", 0.0, "attacked", "train", dict.fromkeys(SOURCES, (8, 0.5))),
        rows("plain", 0.0, "clean", "train", {"a": (4, 0.5), "b": (5, 0.125)}),
    ]


def test_each_row_finds_its_place_and_others_are_passed_over(tables: list[pd.DataFrame]) -> None:
    for given in (tables, [pd.concat(tables[::-1])]):
        plain, robust, judge = read_opinions(given, "main", ITEMS, SOURCES, "judge")
        assert (plain.classifier, robust.classifier, judge.classifier) == ("plain", "robust", "judge")
        assert judge.predicted.tolist() == [1, NOT_SCORED, 3]
        np.testing.assert_array_equal(judge.confidence, [0.25, np.nan, 0.5])
        assert judge.source_predicted.tolist() == [NOT_SCORED, 7]
        assert plain.predicted.tolist() == [NOT_SCORED] * 3, "another set of the same sources, and no attacked image"
        assert (plain.source_predicted.tolist(), plain.source_confidence.tolist()) == ([4, 5], [0.5, 0.125])
        assert robust.predicted.tolist() == [2, 2, 2]
        assert robust.eps == 0.3, "free of float32's tail"


def test_the_judge_comes_last_and_need_not_be_there(tables: list[pd.DataFrame]) -> None:
    names = [one.classifier for one in read_opinions(tables, "main", ITEMS, SOURCES, "plain")]
    assert names == ["judge", "robust", "plain"]
    assert [one.classifier for one in read_opinions(tables, "main", ITEMS, SOURCES, "")] == ["judge", "plain", "robust"]


def test_sources_may_be_counterfactuals_themselves(tables: list[pd.DataFrame]) -> None:
    chained = rows("judge", 0.0, "counterfactual", "chain", {"a/1/0/5/0": (6, 0.5)})
    (judge,) = read_opinions([*tables[:2], chained], "chain", ["a/1/0/5/0"], ["a/0/0", "b"], "judge", "main")
    assert (judge.predicted.tolist(), judge.source_predicted.tolist()) == ([6], [1, NOT_SCORED])


def test_types_are_those_of_the_page(tables: list[pd.DataFrame]) -> None:
    judge = read_opinions(tables, "main", ITEMS, SOURCES, "judge")[-1]
    assert judge.predicted.dtype == judge.source_predicted.dtype == np.int16
    assert judge.confidence.dtype == judge.source_confidence.dtype == np.float32
