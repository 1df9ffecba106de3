"""Which classifiers a study compares, and what is said when rows are missing."""

import pytest

from advgen_ray.analysis.inputs import classifier_names, eps_of, rows_of
from advgen_ray.errors import UserError

LADDER = [
    {"classifier": "b", "classifier_eps": 1.0},
    {"classifier": "judge", "classifier_seed": 9},
    {"classifier": "a", "classifier_eps": 0.3},
    {"classifier": "standard"},
    {"classifier": "a-again", "classifier_eps": 0.3, "classifier_seed": 1},
]


def test_classifiers_rise_by_eps_then_seed_without_the_judge(energies):
    assert classifier_names(energies(LADDER), "judge") == ["standard", "a", "a-again", "b"]


def test_a_study_needs_a_standard_model_besides_the_judge(energies):
    without = [row for row in LADDER if row["classifier"] != "standard"]
    with pytest.raises(UserError, match="standard classifier"):
        classifier_names(energies(without), "judge")
    with pytest.raises(UserError, match="none"):
        classifier_names(energies([{"classifier": "judge"}]), "judge")


def test_missing_rows_are_named(energies):
    with pytest.raises(UserError, match=r"'attacked' rows of 'test' under classifier 'standard'"):
        rows_of(energies(LADDER), "standard", "attacked", "test")


def test_eps_has_no_float32_tail(energies):
    assert eps_of(rows_of(energies(LADDER), "a", "clean")) == 0.3
