"""Spread and paired differences over seeds: by hand, against scipy's paired test, and where nothing can be said."""

import math

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from advgen_ray.analysis.over_seeds import PairedDifference, paired_differences, spread


def _trainings(seeds: tuple[int, ...] = (0, 1, 2)) -> pd.DataFrame:
    """Method b is a plus 0.1, but for a little that differs by seed; c is a."""
    generator = np.random.default_rng(0)
    rows = []
    for seed in seeds:
        value = generator.normal(0.5, 0.05)
        for method, more in (("b", 0.1 + 0.01 * seed), ("a", 0.0), ("c", 0.0)):
            rows.append({"method": method, "seed": seed, "accuracy": value + more})
    return pd.DataFrame(rows)


def _difference(trainings: pd.DataFrame, one: str, other: str) -> PairedDifference:
    return paired_differences(trainings, "method", [(one, other)], "accuracy")[0]


def test_differences_are_taken_within_a_seed() -> None:
    difference = _difference(_trainings(), "b", "a")
    assert dict(difference.by_seed) == pytest.approx({0: 0.10, 1: 0.11, 2: 0.12})
    assert difference.mean == pytest.approx(0.11)
    assert (difference.one, difference.other, difference.quantity) == ("b", "a", "accuracy")
    turned = _difference(_trainings(), "a", "b")
    assert turned.interval == pytest.approx(tuple(-end for end in reversed(difference.interval)))


def test_the_interval_is_that_of_the_paired_t_test() -> None:
    trainings = _trainings(seeds=tuple(range(7)))
    values = {method: rows.sort_values("seed")["accuracy"] for method, rows in trainings.groupby("method")}
    reference = stats.ttest_rel(values["b"].to_numpy(), values["a"].to_numpy()).confidence_interval(0.95)
    assert _difference(trainings, "b", "a").interval == pytest.approx((reference.low, reference.high), rel=1e-9)


def test_three_seeds_are_multiplied_by_student_not_by_gauss() -> None:
    low, high = PairedDifference("b", "a", "accuracy", {0: 0.0, 1: 1.0, 2: 2.0}).interval
    assert (high - low) / 2 == pytest.approx(4.3027 / math.sqrt(3), rel=1e-4)


@pytest.mark.parametrize(
    ("by_seed", "decided"),
    [({0: 0.1, 1: 0.11, 2: 0.12}, True), ({0: -0.1, 1: -0.11}, True), ({0: 0.3, 1: -0.2, 2: 0.1}, False),
     ({0: 0.0, 1: 0.0}, False), ({0: 0.3}, False), ({}, False)],
)  # fmt: skip
def test_a_difference_is_decided_where_the_interval_leaves_zero_out(by_seed: dict[int, float], decided: bool) -> None:
    assert PairedDifference("b", "a", "accuracy", by_seed).decided == decided


def test_one_seed_has_a_mean_and_no_interval() -> None:
    difference = _difference(_trainings((4,)), "b", "a")
    assert (difference.num_seeds, difference.mean) == (1, pytest.approx(0.14))
    assert all(math.isnan(end) for end in difference.interval)
    assert math.isnan(PairedDifference("b", "a", "accuracy", {}).mean)


def test_only_seeds_of_both_are_paired() -> None:
    trainings = _trainings()
    missing = trainings[(trainings["method"] != "a") | (trainings["seed"] != 1)]
    assert list(_difference(missing, "b", "a").by_seed) == [0, 2]


def test_spread_by_hand_in_the_order_of_first_rows() -> None:
    trainings = pd.DataFrame(
        [("b", 0, 0.2, 1.0), ("a", 0, 0.5, 1.0), ("b", 1, 0.4, 3.0)], columns=["method", "seed", "accuracy", "seconds"]
    )
    table = spread(trainings, "method", ["accuracy", "seconds"])
    assert table["method"].tolist() == ["b", "a"]
    assert table["num_seeds"].tolist() == [2, 1]
    assert table["accuracy_mean"].tolist() == pytest.approx([0.3, 0.5])
    assert table["accuracy_std"][0] == pytest.approx(math.sqrt(0.02))
    assert math.isnan(table["accuracy_std"][1])
    assert table["seconds_mean"].tolist() == [2.0, 1.0]
