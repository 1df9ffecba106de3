"""What is counted of generated images and gradients, on rows small enough to count by hand."""

import math

import numpy as np
import pandas as pd
import pytest

from advgen_ray.analysis.classifier_images import generated_table, gradient_table
from advgen_ray.analysis.proportion import Proportion


def _generated(judge: bool) -> pd.DataFrame:
    judged = [1, 1, 2, 0] if judge else [-1] * 4
    return pd.DataFrame(
        {
            "classifier": ["b", "b", "a", "a"],
            "classifier_eps": [0.5, 0.5, 0.0, 0.0],
            "y_target": [1, 2, 2, 0],
            "predicted": [1, 2, 2, 1],
            "judge_start_predicted": [0, 2, 2, 0] if judge else judged,
            "judge_predicted": judged,
            "neighbor_labels": [np.array([1, 0]), np.array([2, 0]), np.array([2, 2]), np.array([1, 0])],
            "neighbor_ssim": [np.array([0.8, 0.1]), np.array([0.6, 0.5]), np.array([0.9, 0.9]), np.array([0.3, 0.2])],
            "start_ssim": [0.5, 0.5, 0.1, 0.3],
            "start_energy_xy": [-1.0, -3.0, 0.0, 1.0],
            "energy_xy": [-5.0, -6.0, -1.0, -1.0],
            "start_energy_x": [-2.0, -4.0, -1.0, -1.0],
            "energy_x": [-6.0, -6.0, -2.0, -3.0],
        }
    )


def test_generated_images_are_counted_by_classifier() -> None:
    table = generated_table(_generated(judge=True)).set_index("classifier")
    assert table.index.tolist() == ["b", "a"], "in the order of the rows"
    assert table.loc["b", "recognized"] == Proportion(2, 2)
    assert table.loc["a", "recognized"] == Proportion(1, 2)
    assert table.loc["b", "judged_start"] == Proportion(1, 2)
    assert table.loc["b", "judged"] == Proportion(1, 2)
    assert table.loc["a", "judged"] == Proportion(2, 2)
    assert table.loc["b", "neighbor"] == Proportion(2, 2)
    assert table.loc["a", "neighbor"] == Proportion(1, 2)
    assert table.loc["b", "ssim"] == pytest.approx(0.7)
    assert table.loc["a", "start_ssim"] == pytest.approx(0.2)
    assert table.loc["b", ["start_energy_xy", "energy_xy", "start_energy_x", "energy_x"]].tolist() == [-2, -5.5, -3, -6]
    assert table["eps"].tolist() == [0.5, 0.0]


def test_without_a_judge_nothing_is_judged() -> None:
    table = generated_table(_generated(judge=False))
    assert {one.count for one in [*table["judged"], *table["judged_start"]]} == {0}


def test_gradients_are_averaged_with_their_error() -> None:
    rows = pd.DataFrame(
        {
            "classifier": ["a", "a", "a", "b"],
            "classifier_eps": [0.0] * 3 + [1.0],
            "label": [1, 2, 3, 4],
            "predicted": [1, 2, 0, 4],
            "gradient_norm": [1.0, 100.0, 3.0, 7.0],
            "alignment": [0.1, 0.2, 0.3, 0.5],
            "sparsity": [0.5, 0.5, 0.5, 0.9],
        }
    )
    table = gradient_table(rows).set_index("classifier")
    assert table.loc["a", "norm"] == 3.0
    assert table.loc["a", "accuracy"] == Proportion(2, 3)
    assert table.loc["a", "alignment"] == pytest.approx(0.2)
    assert table.loc["a", "alignment_error"] == pytest.approx(0.1 / math.sqrt(3))
    assert table.loc["a", "sparsity_error"] == 0.0
    assert math.isnan(table.loc["b", "alignment_error"]), "one image has no spread"
