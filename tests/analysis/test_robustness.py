"""The A1 table of four hand-written images."""

import pytest

from advgen_ray.analysis.robustness import robustness_table


def test_accuracy_by_view_with_counts(energies):
    rows = [{"image_id": f"t{i}", "predicted": int(i == 0)} for i in range(4)]  # three of four right
    rows += [{"image_id": f"t{i}", "view": "attacked", "predicted": int(i != 0)} for i in range(4)]  # one of four
    rows += [{"image_id": "train", "image_set": "train", "predicted": 1}]  # not of the test split
    rows += [{"classifier": "robust", "classifier_eps": 0.3, "view": view} for view in ("clean", "attacked")]
    table = robustness_table(energies(rows), ["standard", "robust"])
    assert list(table["classifier"]) == ["standard", "robust"]
    assert list(table["eps"]) == [0.0, 0.3]
    assert list(table["clean_accuracy"]) == [0.75, 1.0]
    assert list(table["pgd_accuracy"]) == [0.25, 1.0]
    assert list(table["clean_count"]) == [4, 1]
    assert (table["pgd_low"] < table["pgd_accuracy"]).all()
    assert table["pgd_low"].iloc[0] == pytest.approx(0.0456, abs=1e-4)  # Wilson, 1 of 4
