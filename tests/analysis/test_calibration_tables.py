"""What calibration held out and how large logits are, by hand."""

import numpy as np
import pytest

from advgen_ray.analysis import calibration as module
from advgen_ray.analysis.calibration import calibrated, logits_by_class
from advgen_ray.detection.calibration import Calibration, calibrate


def test_logits_of_a_class_are_its_own_column_with_its_images_and_with_the_others() -> None:
    logits = np.array([[1.0, 10.0], [2.0, 20.0], [4.0, 40.0], [7.0, 70.0], [9.0, 90.0]])
    table = logits_by_class(logits, np.array([0, 0, 1, 1, 1]), np.array([0.5, -0.5])).to_dict("records")
    assert table == [
        {"class": 0, "offset": 0.5, "own_median": 1.5, "others_median": 7.0},
        {"class": 1, "offset": -0.5, "own_median": 70.0, "others_median": 15.0},
    ]


def test_constants_are_learnt_on_all_but_the_images_held_out(monkeypatch: pytest.MonkeyPatch) -> None:
    sizes: list[tuple[int, int]] = []

    def counted(logits: np.ndarray, y: np.ndarray, held_out: np.ndarray, held_out_y: np.ndarray) -> Calibration:
        sizes.append((len(y), len(held_out_y)))
        return calibrate(logits, y, held_out, held_out_y)

    monkeypatch.setattr(module, "calibrate", counted)
    logits = np.random.default_rng(0).normal(size=(40, 3))
    calibrated({"train": (logits, np.arange(40) % 3)}, num_held_out=5, seed=0)
    assert sizes == [(35, 5)]
