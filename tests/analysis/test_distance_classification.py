"""The nearest class of two sources, ties and gaps included."""

import pytest

from advgen_ray.analysis.distance_classification import classify_by_distance
from advgen_ray.errors import UserError

# Two replicates: b's nearest single CE is of class 0, but on average class 1 lies nearer.
ROWS = [("a", 0, 0, 1.0), ("a", 0, 0, 1.0), ("a", 0, 1, 2.0), ("a", 0, 1, 2.0)]
ROWS += [("b", 1, 0, 0.5), ("b", 1, 0, 5.0), ("b", 1, 1, 2.0), ("b", 1, 1, 2.0)]


def test_lowest_mean_wins(counterfactuals):
    result = classify_by_distance(counterfactuals(ROWS).rows)
    assert (result.accuracy.num_hits, result.accuracy.count) == (2, 2)
    assert result.confusion.tolist() == [[1, 0], [0, 1]]
    assert result.num_replicates == 2


def test_order_of_rows_does_not_matter(counterfactuals):
    shuffled = counterfactuals(ROWS).rows.sample(frac=1.0, random_state=1)
    assert classify_by_distance(shuffled).confusion.tolist() == [[1, 0], [0, 1]]


def test_tied_classes_go_to_the_first(counterfactuals):
    result = classify_by_distance(counterfactuals([("a", 1, 0, 1.0), ("a", 1, 1, 1.0)]).rows)
    assert result.confusion.tolist() == [[0, 0], [1, 0]]
    assert result.accuracy.value == 0.0


def test_a_missing_class_is_refused(counterfactuals):
    with pytest.raises(UserError, match="7 rows do not hold 2 of each of 2 classes for each of 2 sources"):
        classify_by_distance(counterfactuals(ROWS[:-1]).rows)
