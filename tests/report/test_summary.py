"""``summary.json``: the keys that readers were promised, plain numbers, null where there is no sample."""

import json
import math
from dataclasses import replace

import pytest

from advgen_ray.analysis.summary import summarize

PROMISED = {
    "data": None,
    "classifiers": ["eps", "clean_accuracy", "pgd_accuracy"],
    "counterfactuals": [
        "count", "validity_different_class", "mean_l2_different_class", "mean_l2_same_class", "mean_l0",
    ],
    "robust_on_counterfactuals": ["eps", "same_class_accuracy", "different_class_accuracy", "source_label_rate"],
    "confidence_vs_distance": ["eps", "r2"],
    "distance_classifier_accuracy": None,
    "energy_detector": ["detection_rate", "false_positive_rate"],
    "elapsed_seconds": [],
}  # fmt: skip
LISTS = ("classifiers", "robust_on_counterfactuals", "confidence_vs_distance")


@pytest.fixture
def summary(study):
    return json.loads(json.dumps(summarize(study.tables, {"classifiers": 12.34567}), allow_nan=False))


def test_promised_keys(summary):
    for key, inner in PROMISED.items():
        value = summary[key]
        assert isinstance(value, list) == (key in LISTS)
        for entry in value if isinstance(value, list) else [value]:
            assert set(inner or []) <= set(entry if inner is not None else []), key


def test_one_entry_a_classifier_by_rising_eps_without_the_judge(summary):
    for key in LISTS:
        assert [entry["eps"] for entry in summary[key]] == [0.0, 0.25, 0.5, 1.0]


def test_fractions_are_fractions(summary):
    rates = [entry[key] for entry in summary["classifiers"] for key in ("clean_accuracy", "pgd_accuracy")]
    rates += [summary["counterfactuals"]["validity_different_class"], summary["counterfactuals"]["mean_l0"]]
    rates += [
        summary["distance_classifier_accuracy"],
        *(summary["energy_detector"][k] for k in PROMISED["energy_detector"]),
    ]
    assert all(0 <= rate <= 1 for rate in rates)


def test_numbers_are_those_of_the_sets(summary, invented):
    rows = invented.inputs.main.rows
    different = rows["source_label"] != rows["y_target"]
    assert summary["counterfactuals"]["count"] == len(rows)
    assert math.prod(summary["counterfactuals"]["asked"].values()) == len(rows)
    assert summary["counterfactuals"]["mean_l2_same_class"] == pytest.approx(rows.loc[~different, "l2"].mean())
    drops = [e["same_class_accuracy"] - e["different_class_accuracy"] for e in summary["robust_on_counterfactuals"]]
    assert summary["effect"]["value"] == pytest.approx(drops[-1] - drops[0])
    assert summary["elapsed_seconds"] == {"classifiers": 12.346}


def test_a_source_without_counterfactuals_is_still_asked_for(retold, invented):
    main = invented.inputs.main
    found = summarize(retold(main=replace(main, rows=main.rows[main.rows["source_index"] > 0])).tables, {})
    assert found["counterfactuals"]["num_sources"] == found["counterfactuals"]["asked"]["num_sources"] - 1


def test_missing_parts_are_null(retold, invented):
    energies = invented.inputs.energies.assign(confidence=1.0)
    summary = summarize(retold(held_out=None, energies=energies).tables, {})
    assert summary["distance_classifier_accuracy"] is None
    assert [entry["r2"] for entry in summary["confidence_vs_distance"]] == [None] * 4
    json.dumps(summary, allow_nan=False)
