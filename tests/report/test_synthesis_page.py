"""The page of targeted synthesis: a proxy is called one everywhere and stands beside nothing published."""

import dataclasses
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch

from advgen_ray.analysis.published_synthesis import samples_beside
from advgen_ray.analysis.synthesis import ReadImages, SampleSet, quality_table
from advgen_ray.report.blocks import Table
from advgen_ray.report.page import Page, panels_of, render
from advgen_ray.report.synthesis_page import Measure, Neighbors, SynthesisResults, synthesis_page
from advgen_ray.synthesis.inception_score import inception_score

CONFIG: dict[str, Any] = {"data": {"name": "cifar10"}, "start": {"kind": "noise"}, "smoothing_sigma": 10.0}
COUNT = 40


def _read(count: int, shift: float) -> ReadImages:
    draws = torch.randn(count, 8, generator=torch.Generator().manual_seed(count))
    return ReadImages(draws + shift, 3 * draws[:, :5])


def _set(model: str, ascent: str, shift: float, *, asked: int = 2, seconds: float = 4.0) -> SampleSet:
    hits = np.arange(COUNT) % 4 > 0
    rows = pd.DataFrame(
        {
            "class_asked": asked,
            "y_target": 2,
            "start_logit": -1.0,
            "logit": 5.0,
            "predicted": 2,
            "judge_start_predicted": 1,
            "judge_predicted": np.where(hits, 2, 0),
            "distance": 1.5,
        },
        index=range(COUNT),
    )
    return SampleSet(model, ascent, rows, _read(COUNT, shift), seconds)


SETS = [
    _set(model, ascent, shift) for model, shift in (("rest", 0.5), ("softmax", 1.0)) for ascent in ("4 x 1", "2 x 2")
]


def _table(sets: list[SampleSet], num_test: int = 25) -> pd.DataFrame:
    return quality_table(sets, _read(200, 0.0), _read(num_test, 0.1), _read(COUNT, 3.0))


def _page(prefix: str, sets: list[SampleSet] = SETS) -> Page:
    pictures = np.random.default_rng(0).random((12, 3, 8, 8), dtype=np.float32)
    beside = np.stack([pictures[:3]] * 4)
    results = SynthesisResults(
        table=_table(sets),
        measure=Measure(prefix, "features of judge" if prefix else "Inception features"),
        starts=pictures,
        class_names=[f"class {k % 10}" for k in range(12)],
        generated={ascent: {"rest": pictures, "softmax": pictures} for ascent in ("4 x 1", "2 x 2")},
        neighbors={name: Neighbors(pictures[:4], beside, beside, np.ones(4)) for name in ("rest", "softmax")},
        real_distances=np.array([0.75, 2.0]),
        interpolations={"rest": beside},
    )
    return synthesis_page(results, CONFIG, "0.0")


def test_distances_compare_at_equal_numbers() -> None:
    table = _table(SETS)
    assert table["ascent"].tolist()[:2] == ["test images", "starts"]
    found = table.set_index(["model", "ascent"])["frechet"]
    assert found[("", "starts")] > found[("softmax", "4 x 1")] > found[("rest", "4 x 1")] > 0
    assert table["count"].tolist() == [25, *[COUNT] * 5]
    assert (table["floor_count"] == 25).all()
    of_fewer = _table([_set("rest", "4 x 1", 0.5)], num_test=100).iloc[-1]
    assert of_fewer["frechet"] == of_fewer["frechet_at_floor"], "as many test images as samples"
    assert (table["frechet"] != table["frechet_at_floor"]).tolist() == [False, *[True] * 5]
    with pytest.raises(ValueError, match=r"\[39, 40\] samples do not compare"):
        quality_table([_set("a", "b", 0.0)], _read(200, 0.0), _read(25, 0.0), _read(39, 0.0))


def test_scores_compare_at_equal_numbers() -> None:
    """The score of 10 parts is low where these are small: of one distribution 40 images score above their first 25."""
    table = _table(SETS)
    real, sample = table.iloc[0], table.iloc[-1]
    assert real["score"] == real["score_at_floor"]
    read = _read(COUNT, 1.0)
    expected = [inception_score(read.logits), inception_score(read.logits[:25])]
    assert (sample["score"], sample["score_deviation"]) == expected[0]
    assert (sample["score_at_floor"], sample["score_deviation_at_floor"]) == expected[1]
    assert sample["score"] > sample["score_at_floor"]


def test_the_score_of_real_images_does_not_hang_on_how_they_lie() -> None:
    sure = 1e4 * torch.eye(5).repeat_interleave(40, dim=0)  # sorted by class, each in two parts of their own
    features = torch.randn(200, 8, generator=torch.Generator().manual_seed(0))
    row = quality_table(SETS, ReadImages(features, sure), ReadImages(features, sure), _read(COUNT, 3.0)).iloc[0]
    assert inception_score(sure)[0] == pytest.approx(1)
    assert row["count"] == COUNT, "the first, all of one class"
    assert row["score"] == pytest.approx(1)
    many = [dataclasses.replace(one, rows=pd.concat([one.rows] * 5), read=_read(200, 1.0)) for one in SETS]
    row = quality_table(many, ReadImages(features, sure), ReadImages(features, sure), _read(200, 3.0)).iloc[0]
    assert 4 < row["score"] < 5


def test_real_images_have_no_cell_beside_more_samples() -> None:
    quality = _page("proxy_").sections[1].blocks[0]
    assert isinstance(quality, Table)
    assert quality.columns[2:6] == ["proxy FID", "proxy FID at n = 25", "proxy IS", "proxy IS at n = 25"]
    real, starts = quality.rows[:2]
    assert (real[2], real[4]) == ("", "")
    assert all((real[3], real[5], *starts[2:6]))


def test_rates_and_shares_are_of_all_samples() -> None:
    row = _table(SETS).iloc[-1]
    assert row["rate"] == COUNT / 4
    assert (row["judged"].value, row["judged_start"].value, row["recognized"].value) == (0.75, 0.0, 1.0)
    assert _table([_set("a", "b", 0.0, asked=-1)]).iloc[-1]["judged"].count == 0, "no class was asked for"


def test_a_proxy_is_called_one_and_stands_beside_nothing_published() -> None:
    proxy, real = (render(_page(prefix)) for prefix in ("proxy_", ""))
    assert "proxy FID (features of judge)" in proxy
    assert "FID" not in proxy.replace("proxy FID", "").replace("published FIDs", "")
    for figure in ("13.21", "50.38", "2.34 s"):
        assert figure not in proxy
        assert figure in real
    assert "proxy" not in real


def test_published_distances_are_of_the_data_or_of_its_size() -> None:
    """S004 tables 2.5, 2.6 and 2.11."""
    of_faces = {(one.ascent, one.fid) for one in samples_beside("npz", 256)}
    assert {("", 17.31), ("20 x 8", 18.97), ("14 x 8", 13.35), ("17 x 8", 14.87)} <= of_faces
    assert samples_beside("npz", 32) == samples_beside("digits", 8) == ()
    assert samples_beside("cifar10", 32)[0].fid == 13.21


def test_the_least_of_several_ascents_is_called_one() -> None:
    several, single = _page("proxy_"), _page("proxy_", SETS[::2])
    chosen = ", the lowest of 2 ascents, chosen on these samples"
    assert f"40 samples{chosen}: rest" in several.answer
    assert all(chosen in key.detail for key in several.key_figures)
    assert not any("lowest" in told for told in (single.answer, *(key.detail for key in single.key_figures)))


def test_the_tables_hold_every_model_and_ascent() -> None:
    page = _page("proxy_")
    quality, steps = (block for block in page.sections[1].blocks if isinstance(block, Table))
    assert [row[0] for row in quality.rows] == ["test images", "starts", "rest", "rest", "softmax", "softmax"]
    assert {len(row) for row in quality.rows} == {len(quality.columns)}
    assert (steps.columns[1:], [row[0] for row in steps.rows]) == (["rest", "softmax"], ["4 x 1", "2 x 2"])
    assert len(panels_of(page.sections)) == 2 + 2 + 1
    assert all(panel.svg for panel in panels_of(page.sections))
    assert {len(row) for row in _page("").sections[1].blocks[0].context} == {len(quality.columns)}  # type: ignore[union-attr]
