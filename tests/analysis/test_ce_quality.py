"""Distances and validity of four counterfactuals, by hand."""

import math

import pytest

from advgen_ray.analysis.ce_quality import (
    class_distances,
    over_common_sources,
    quality_table,
    sources_in_reach,
    validity,
)
from advgen_ray.analysis.clustered import clustered_share

ROWS = [("a", 0, 0, 1.0), ("a", 0, 1, 2.0), ("b", 1, 0, 4.0), ("b", 1, 1, 1.5)]


def opinions(predictions, classifier="judge", name="main"):
    return [
        {
            "classifier": classifier,
            "view": "counterfactual",
            "image_set": name,
            "image_id": f"{s}/{t}/0",
            "label": t,
            "predicted": p,
        }
        for (s, _, t, _), p in zip(ROWS, predictions, strict=True)
    ] + [{"classifier": classifier}]


def test_validity_is_over_different_class_only(energies, counterfactuals):
    rate = validity(energies(opinions([5, 1, 1, 5])), "judge", counterfactuals(ROWS))  # both same-class ones are wrong
    assert (rate.value, rate.count, rate.num_clusters) == (0.5, 2, 2)


def test_reach_counts_sources_whose_nearest_valid_change_of_class_is_near_enough(energies, counterfactuals):
    """Of a: at 2, valid. Of b: at 4, valid; its same-class CE at 1.5 is of no other class."""
    both = energies(opinions([0, 1, 0, 1]))
    reach = [sources_in_reach(both, "judge", counterfactuals(ROWS), radius) for radius in (0.0, 1.9, 2.0, 4.0)]
    assert [(one.num_hits, one.count) for one in reach] == [(0, 2), (0, 2), (1, 2), (2, 2)]
    rejected = energies(opinions([0, 5, 0, 1]))
    assert sources_in_reach(rejected, "judge", counterfactuals(ROWS), 4.0).num_hits == 1


def test_table_by_hand(energies, counterfactuals):
    table = quality_table(
        energies(opinions([0, 1, 0, 1]) + opinions([0, 0, 0, 1], "standard")),
        "judge",
        "standard",
        (counterfactuals(ROWS),),
    )
    row = table.iloc[0]
    assert (row["label"], row["count"], row["num_sources"]) == ("Main", 2, 2)
    assert (row["mean_l2"], row["median_l2"], row["mean_l2_same_class"]) == (3.0, 3.0, 1.25)
    assert row["mean_l0"] == pytest.approx(0.3)
    assert (row["validity"], row["standard_accuracy"]) == (1.0, 0.5)
    judged, standard = (clustered_share(hits, ["a", "b"]).interval for hits in ([True, True], [False, True]))
    assert (row["validity_low"], row["validity_high"]) == judged
    assert (row["standard_low"], row["standard_high"]) == standard


def test_middle_and_error_of_sources_that_have_unequal_numbers(energies, counterfactuals):
    """Distances 1 and 2 of a, 9 of b: means of 1.5 and 9, whose deviation is 7.5 / sqrt(2) with n - 1."""
    rows = [("a", 0, 1, 1.0), ("a", 0, 2, 2.0), ("b", 1, 0, 9.0), ("b", 1, 1, 50.0)]
    one = counterfactuals(rows, "unscored")
    row = quality_table(energies(opinions([0, 1, 0, 1])), "judge", "standard", (one,)).iloc[0]
    assert (row["mean_l2"], row["median_l2"]) == (4.0, 2.0)
    assert (row["mean_l2_error"], row["mean_l0_error"]) == pytest.approx((3.75, 0.375))


def test_a_set_that_was_not_scored_has_distances_but_no_validity(energies, counterfactuals):
    row = quality_table(energies(opinions([0, 1, 0, 1])), "judge", "standard", (counterfactuals(ROWS, "other"),)).iloc[
        0
    ]
    assert row["mean_l2"] == 3.0
    assert math.isnan(row["validity"])
    assert row["validity_count"] == 0


def test_sets_are_compared_on_the_sources_they_share(counterfactuals):
    both = over_common_sources((counterfactuals(ROWS), counterfactuals(ROWS[:2], "variant")))
    assert [list(one.rows["source_id"].unique()) for one in both] == [["a"], ["a"]]


def test_class_distances(counterfactuals):
    table = class_distances(counterfactuals(ROWS))
    assert table.loc[0, 1] == 2.0
    assert table.loc[1, 0] == 4.0
    assert table.loc[1, 1] == 1.5
    several = counterfactuals([("a", 0, 1, 2.0), ("a", 0, 1, 4.0), ("b", 0, 1, 9.0)])
    assert class_distances(several).loc[0, 1] == 5.0
