"""Detectors and attacks side by side: thresholds from validation alone, and what HE-PGD hides."""

import numpy as np
import pandas as pd
import pytest

from advgen_ray.analysis.detector_comparison import (
    DetectorScores,
    Split,
    compare_detectors,
    energy_separation,
    evasion,
    halves,
)
from advgen_ray.analysis.proportion import wilson
from advgen_ray.detection.energy_detector import auroc, detection_score, fit_threshold


def _split(validation: list[float], test: list[float]) -> Split:
    return Split(np.array(validation), np.array(test))


SCORES = {
    "energy": DetectorScores(
        _split([0.0, 1.0], [0.0, 1.0, 1.0, 6.0]),
        {"PGD": _split([9.0, 10.0], [4.0, 9.0, 10.0, 11.0]), "FAB": _split([2.0, 3.0], [0.5, 3.0])},
    ),
    "LID": DetectorScores(_split([0.0], [0.0]), {"PGD": _split([1.0], [1.0])}),
}


def test_every_detector_meets_every_attack() -> None:
    table = compare_detectors(SCORES)
    assert list(zip(table["detector"], table["attack"], strict=True)) == [
        ("energy", "PGD"), ("energy", "FAB"), ("LID", "PGD"),
    ]  # fmt: skip
    assert table["threshold"].tolist() == [5.0, 1.5, 0.5]  # halfway between the validation scores
    assert table["detection_rate"].tolist() == [0.75, 0.5, 1.0]
    assert table["false_positive_rate"].tolist() == [0.25, 0.25, 0.0]
    assert table["auroc"].tolist() == pytest.approx([15 / 16, (1 + 3) / 8, 1.0])
    assert table[["num_validation", "num_test"]].to_numpy().tolist() == [[2, 4], [2, 2], [1, 1]]
    assert (table["detection_low"] <= table["detection_rate"]).all()
    assert (table["detection_high"] >= table["detection_rate"]).all()


def test_the_interval_is_of_the_detection_rate_with_scores_at_the_threshold() -> None:
    scores = DetectorScores(_split([0.0], [0.0]), {"PGD": _split([1.0], [0.4, 0.5, 0.5, 0.6])})
    (row,) = compare_detectors({"one": scores}).to_dict("records")
    assert (row["threshold"], row["detection_rate"]) == (0.5, 0.75)
    assert (row["detection_low"], row["detection_high"]) == wilson(0.75, 4)


def test_test_scores_do_not_move_the_threshold() -> None:
    energy = SCORES["energy"]
    moved = DetectorScores(
        Split(energy.natural.validation, energy.natural.test - 50),
        {name: Split(one.validation, one.test + 50) for name, one in energy.attacked.items()},
    )
    assert compare_detectors({"energy": moved})["threshold"].tolist() == [5.0, 1.5]


def test_a_threshold_for_one_attack_meets_the_others_unprepared() -> None:
    table = compare_detectors({"energy": SCORES["energy"]}, fitted_on="PGD")
    assert table["threshold"].tolist() == [5.0, 5.0]
    assert table["fitted_on"].tolist() == ["PGD", "PGD"]
    assert table["detection_rate"].tolist() == [0.75, 0.0]


def test_separation_points_the_way_of_each_energy() -> None:
    """PGD lowers E(x) and raises E(x, y); an attack that does nothing has one half of both."""
    natural = pd.DataFrame({"energy_x": [-3.0, -4.0], "energy_xy": [-3.0, -4.0], "correct": [True, True]})
    pgd = pd.DataFrame({"energy_x": [-9.0, -8.0], "energy_xy": [2.0, -3.5], "correct": [False, True]})
    table = energy_separation(natural, {"PGD": pgd, "none": natural}).set_index("attack")
    assert table.loc["PGD", ["auroc_energy_x", "auroc_energy_xy"]].tolist() == [1.0, 0.75]
    assert table.loc["PGD", ["shift_energy_x", "shift_energy_xy"]].tolist() == pytest.approx([-5, 2.75])
    assert table.loc["PGD", ["fooled", "count"]].tolist() == [0.5, 2]
    assert table.loc["none", ["auroc_energy_x", "auroc_energy_xy", "fooled"]].tolist() == [0.5, 0.5, 0]


def _attacked(energies: np.ndarray, correct: np.ndarray) -> pd.DataFrame:
    return pd.DataFrame({"energy_x": energies, "correct": correct})


def test_evasion_keeps_the_threshold_of_plain_pgd() -> None:
    generator = np.random.default_rng(0)
    natural = _attacked(generator.normal(-8, 1, 200), np.full(200, True))
    wrong = generator.random(200) < 0.1
    by_lambda = {
        1.2: _attacked(generator.normal(-8, 1, 200), wrong),
        0.0: _attacked(generator.normal(-14, 1, 200), wrong),
    }
    table = evasion(natural, by_lambda)
    assert table["lambda"].tolist() == [0.0, 1.2]
    scores = [halves(detection_score(one["energy_x"])) for one in (natural, by_lambda[0.0], by_lambda[1.2])]
    threshold = fit_threshold(scores[0].validation, scores[1].validation)
    assert table["threshold"].tolist() == [threshold] * 2
    found = scores[2].test >= threshold
    assert table["detection_rate"].tolist() == pytest.approx([(scores[1].test >= threshold).mean(), found.mean()])
    assert table["detection_rate"][0] > 0.98
    assert table["success"].tolist() == [(~wrong[1::2]).mean()] * 2
    assert table["undetected_success"][1] == pytest.approx((~wrong[1::2] & ~found).mean())
    assert table["auroc"][1] == pytest.approx(auroc(scores[0].test, scores[2].test))
    assert table["mean_energy_x"][0] == pytest.approx(by_lambda[0.0]["energy_x"][1::2].mean())
    assert table["natural_energy_x"].tolist() == pytest.approx([natural["energy_x"][1::2].mean()] * 2)
    assert table["false_positive_rate"].tolist() == [(scores[0].test >= threshold).mean()] * 2
    assert table["count"].tolist() == [100, 100]


def test_halves_share_every_image_out_once() -> None:
    split = halves([0, 1, 2, 3, 4])
    assert split.validation.tolist() == [0, 2, 4]
    assert split.test.tolist() == [1, 3]
