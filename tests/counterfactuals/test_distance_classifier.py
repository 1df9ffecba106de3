"""The class with the lowest mean distance, and what it refuses."""

import numpy as np
import pytest

from advgen_ray.counterfactuals.distance_classifier import classify


def test_lowest_mean_wins_not_the_lowest_single_distance() -> None:
    distances = np.array([[[1.0, 5.0], [2.0, 2.5], [3.0, 3.0]], [[4.0, 4.0], [4.0, 4.1], [0.1, 0.2]]])
    predicted = classify(distances)
    assert predicted.tolist() == [1, 2]
    assert predicted.dtype == np.int64


def test_ties_go_to_the_lower_class() -> None:
    assert classify(np.ones((1, 3, 2))).tolist() == [0]


def test_missing_distances_are_named() -> None:
    distances = np.ones((2, 3, 2))
    distances[1, 2, 0] = np.nan
    with pytest.raises(ValueError, match="image 1 to its counterfactual 0 of class 2 is not finite"):
        classify(distances)


@pytest.mark.parametrize("shape", [(3, 2), (0, 3, 2), (2, 3, 0)])
def test_other_shapes_are_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="images, classes, replicates"):
        classify(np.ones(shape))
