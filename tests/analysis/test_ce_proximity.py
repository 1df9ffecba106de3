"""Confidence against distance on three sources, by hand and against a fit."""

import math

import numpy as np
import pytest

from advgen_ray.analysis.ce_proximity import (
    confidence_table,
    mean_source_distances,
    r_squared,
    r_squared_interval,
    slope,
)
from advgen_ray.rng import Stream

SOURCES = [("a", 0, 0, 9.0), ("a", 0, 1, 1.0), ("a", 0, 2, 3.0), ("b", 1, 0, 4.0), ("c", 2, 0, 6.0)]


def test_mean_distance_leaves_same_class_out(counterfactuals):
    assert mean_source_distances(counterfactuals(SOURCES)).to_dict() == {"a": 2.0, "b": 4.0, "c": 6.0}


def clean(confidences, predicted=(0, 1, 2)):
    return [
        {"image_id": s, "image_set": "train", "label": y, "predicted": p, "confidence": c, "label_confidence": 0.5}
        for y, (s, c, p) in enumerate(zip("abc", confidences, predicted, strict=True))
    ]


def test_a_straight_line_has_r2_one(energies, counterfactuals):
    row = confidence_table(energies(clean([0.5, 0.7, 0.9])), ["standard"], counterfactuals(SOURCES)).iloc[0]
    assert row["r2"] == pytest.approx(1.0)
    assert row["slope"] == pytest.approx(0.1)
    assert (row["count"], row["num_incorrect"]) == (3, 0)
    assert math.isnan(row["r2_label_confidence"])  # constant
    assert math.isnan(row["mean_distance_incorrect"])  # none is wrong


def test_r2_by_hand_and_distances_by_correctness(energies, counterfactuals):
    # distances 2, 4, 6; confidences 1, 0, .5: covariance -1/3, variances 8/3 and 1/6, r^2 = (1/9) / (4/9)
    row = confidence_table(
        energies(clean([1.0, 0.0, 0.5], predicted=(1, 1, 2))), ["standard"], counterfactuals(SOURCES)
    ).iloc[0]
    assert row["r2"] == pytest.approx(0.25)
    assert row["correlation"] == pytest.approx(-0.5)
    assert row["r2_low"] <= 0.25 < row["r2_high"]
    assert row["num_incorrect"] == 1
    assert (row["mean_distance_incorrect"], row["mean_distance_correct"]) == (2.0, 5.0)


def test_constant_confidence_has_no_r2_but_a_slope(energies, counterfactuals):
    row = confidence_table(energies(clean([0.8, 0.8, 0.8])), ["standard"], counterfactuals(SOURCES)).iloc[0]
    assert math.isnan(row["r2"])
    assert row["slope"] == 0.0


def test_r2_agrees_with_the_residuals_of_a_fit():
    rng = np.random.default_rng(0)
    x = rng.normal(size=50)
    y = 0.3 * x + rng.normal(size=50)
    gradient, offset = np.polyfit(x, y, 1)
    explained = 1 - np.var(y - gradient * x - offset) / np.var(y)
    assert r_squared(x, y) == pytest.approx(explained)
    assert slope(x, y) == pytest.approx(gradient)


def test_the_interval_of_r2_covers_about_as_often_as_it_says():
    """Confidence is bound to 1 and spreads where CEs are near; the truth is r2 of very many such points."""

    def drawn(rng, count):
        x = rng.uniform(1, 3, count)
        return x, np.minimum(1.0, 1 - (3 - x) * rng.exponential(0.2, count))

    truth, rng = r_squared(*drawn(np.random.default_rng(1), 400_000)), np.random.default_rng(2)
    assert 0.1 < truth < 0.5
    ends = [r_squared_interval(*drawn(rng, 100), Stream(trial, "r2")) for trial in range(40)]
    assert 0.88 <= np.mean([low <= truth <= high for low, high in ends]) <= 1
    assert 0.1 < np.mean([high - low for low, high in ends]) < 0.4


def test_the_interval_is_drawn_again_alike_and_a_line_has_none():
    x, y = np.random.default_rng(0).normal(size=(2, 30))
    assert r_squared_interval(x, y, Stream(0, "r2")) == r_squared_interval(x, y, Stream(0, "r2"))
    assert r_squared_interval(x, y, Stream(0, "r2")) != r_squared_interval(x, y, Stream(1, "r2"))
    assert r_squared_interval(x, -2 * x, Stream(0, "r2")) == pytest.approx((1.0, 1.0))
    assert all(math.isnan(end) for end in r_squared_interval(x, np.ones(30), Stream(0, "r2")))


def test_too_few_or_equal_points_are_nan():
    assert math.isnan(r_squared(np.array([1.0, 2.0]), np.array([1.0, 2.0])))
    assert math.isnan(slope(np.array([1.0, 1.0]), np.array([1.0, 2.0])))
    assert math.isnan(slope(np.array([]), np.array([])))
