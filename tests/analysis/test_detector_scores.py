"""From stored columns to rates: what is fitted where, which images count, and that the other half decides nothing."""

import numpy as np
import pandas as pd
import pytest

from advgen_ray.analysis.detector_scores import (
    DetectorInputs,
    compare,
    detector_inputs,
    names_of,
    only_fooled,
)
from advgen_ray.analysis.published_detection import S003_TABLE_1
from advgen_ray.detection.energy_detector import detection_score, fit_threshold, rates
from advgen_ray.detection.logistic import fit_logistic

ATTACKS = {("pgd", 1.0): "PGD (1)", ("pgd", 2.0): "PGD (2)"}
DETECTORS = {"Energy": "energy_x", "LID": "lid"}
NUM_IMAGES = 40


def _version(view: str, attack: str, eps: float, shift: float, seed: int, fooled: float = 0.0) -> pd.DataFrame:
    """Energies that fall and LIDs that rise by ``shift``."""
    random = np.random.default_rng(seed)
    lid = random.normal(size=(NUM_IMAGES, 2)) + shift
    return pd.DataFrame(
        {
            "image_id": [f"i{index:02d}" for index in range(NUM_IMAGES)],
            "half": ["validation", "test"] * (NUM_IMAGES // 2),
            "view": view,
            "attack": attack,
            "attack_eps": np.float32(eps),
            "correct": random.random(NUM_IMAGES) >= fooled,
            "energy_x": random.normal(size=NUM_IMAGES) - shift,
            "lid": list(lid),
        }
    )


@pytest.fixture
def rows() -> pd.DataFrame:
    versions = [
        _version("natural", "", 0.0, 0.0, 0, fooled=0.1),
        _version("attacked", "pgd", 1.0, 1.5, 1, fooled=0.6),
        _version("attacked", "pgd", 2.0, 3.0, 2, fooled=1.0),
        _version("noisy", "pgd", 1.0, 0.5, 3),
        _version("noisy", "pgd", 2.0, 1.0, 4),
    ]
    return pd.concat(versions, ignore_index=True)


def _half(table: pd.DataFrame, half: str) -> pd.DataFrame:
    return table[table["half"] == half]


def test_rates_are_those_of_the_detectors_by_hand(rows: pd.DataFrame) -> None:
    inputs = detector_inputs(rows, ATTACKS)
    found = compare(inputs, DETECTORS)
    assert list(zip(found.table["detector"], found.table["attack"], strict=True)) == [
        ("Energy", "PGD (1)"), ("Energy", "PGD (2)"), ("LID", "PGD (1)"), ("LID", "PGD (2)"),
    ]  # fmt: skip
    natural, attacked, noisy = inputs.natural, inputs.attacked["PGD (1)"], inputs.noisy["PGD (1)"]
    validation = [detection_score(_half(one, "validation")["energy_x"]) for one in (natural, attacked)]
    test = [detection_score(_half(one, "test")["energy_x"]) for one in (natural, attacked, noisy)]
    threshold = fit_threshold(*validation)
    row = found.row("Energy", "PGD (1)")
    assert (row["detection_rate"], row["false_positive_rate"]) == tuple(rates(test[0], test[1], threshold))
    assert row["noisy_positive_rate"] == np.mean(test[2] >= threshold)

    def columns(half: str) -> list[np.ndarray]:
        return [np.stack(list(_half(one, half)["lid"])) for one in (natural, attacked, noisy)]

    fit = columns("validation")
    fitted = fit_logistic(np.concatenate([fit[0], fit[2]]), fit[1])  # noise alone is no attack
    threshold = fit_threshold(fitted.detection_score(fit[0]), fitted.detection_score(fit[1]))
    scores = [fitted.detection_score(one) for one in columns("test")]
    row = found.row("LID", "PGD (1)")
    assert row["threshold"] == pytest.approx(threshold)
    assert (row["detection_rate"], row["false_positive_rate"]) == tuple(rates(scores[0], scores[1], threshold))
    assert row["noisy_positive_rate"] == np.mean(scores[2] >= threshold)
    curve = found.curves["LID", "PGD (1)"]
    at = np.searchsorted(-curve.threshold, -threshold, side="right") - 1
    assert (curve.detection_rate[at], curve.false_positive_rate[at]) == tuple(
        row[["detection_rate", "false_positive_rate"]]
    )


def test_the_measured_half_decides_nothing(rows: pd.DataFrame) -> None:
    thresholds = compare(detector_inputs(rows, ATTACKS), DETECTORS).table["threshold"]
    changed = rows.copy()
    measured = changed["half"] == "test"
    changed.loc[measured, "energy_x"] += 100.0
    changed.loc[measured, "lid"] = changed.loc[measured, "lid"].map(lambda values: values * -7)
    again = compare(detector_inputs(changed, ATTACKS), DETECTORS).table
    assert again["threshold"].tolist() == thresholds.tolist()
    assert (again.loc[again["detector"] == "Energy", "detection_rate"] == 0).all()


def test_a_detector_may_meet_what_it_does_not_expect(rows: pd.DataFrame) -> None:
    inputs = detector_inputs(rows, ATTACKS)
    prepared, unprepared = compare(inputs, DETECTORS), compare(inputs, DETECTORS, fitted_on="PGD (1)")
    for detector in DETECTORS:
        assert unprepared.row(detector, "PGD (2)")["threshold"] == prepared.row(detector, "PGD (1)")["threshold"]
        assert unprepared.row(detector, "PGD (2)")["fitted_on"] == "PGD (1)"
        same = ["threshold", "detection_rate", "false_positive_rate", "auroc", "noisy_positive_rate"]
        assert (unprepared.row(detector, "PGD (1)")[same] == prepared.row(detector, "PGD (1)")[same]).all()


def test_only_successful_attacks_on_images_that_were_right(rows: pd.DataFrame) -> None:
    inputs = detector_inputs(rows, ATTACKS)
    fooled = only_fooled(inputs)
    right = set(inputs.natural.index[inputs.natural["correct"]])
    assert set(fooled.natural.index) == right
    assert len(right) < NUM_IMAGES
    for name, table in fooled.attacked.items():
        wrong = inputs.attacked[name].index[~inputs.attacked[name]["correct"]]
        assert set(table.index) == right & set(wrong)
    assert set(fooled.noisy["PGD (1)"].index) == right
    counts = compare(fooled, DETECTORS).table.set_index(["detector", "attack"])["num_test"]
    assert counts["Energy", "PGD (1)"] < counts["Energy", "PGD (2)"]


def test_an_attack_that_fools_nobody_has_no_row(rows: pd.DataFrame) -> None:
    rows.loc[(rows["view"] == "attacked") & (rows["attack_eps"] == 1.0), "correct"] = True
    assert set(compare(only_fooled(detector_inputs(rows, ATTACKS)), DETECTORS).table["attack"]) == {"PGD (2)"}
    rows.loc[rows["view"] == "attacked", "correct"] = True
    assert compare(only_fooled(detector_inputs(rows, ATTACKS)), DETECTORS).table.empty


def test_without_noise_there_is_no_noisy_rate(rows: pd.DataFrame) -> None:
    inputs = detector_inputs(rows[rows["view"] != "noisy"], ATTACKS)
    assert inputs.noisy == {}
    assert compare(inputs, DETECTORS).table["noisy_positive_rate"].isna().all()


def test_names_and_published_figures() -> None:
    assert names_of(("energy", "kd_bu", "lid"), True) == {"Energy": "energy_x", "KD+BU": "kd_bu", "LID": "lid"}
    assert names_of(("kd_bu",), False) == {"KD": "kd_bu"}
    (misprinted,) = (one for one in S003_TABLE_1 if one.misprinted)
    assert misprinted.detection_rate + 0.0162 == pytest.approx(1.0), "what S003 prints is the share of misses"
    assert {one.detector for one in S003_TABLE_1 if one.quoted} == {"KD+BU", "LID"}


def test_inputs_are_told_apart_by_attack_and_radius(rows: pd.DataFrame) -> None:
    inputs = detector_inputs(rows, ATTACKS)
    assert isinstance(inputs, DetectorInputs)
    assert inputs.attacked["PGD (2)"]["energy_x"].mean() < inputs.attacked["PGD (1)"]["energy_x"].mean()
    assert [len(table) for table in inputs.attacked.values()] == [NUM_IMAGES, NUM_IMAGES]
