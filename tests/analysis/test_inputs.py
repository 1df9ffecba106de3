"""Which classifiers a study compares, and what is said when rows are missing."""

import numpy as np
import pytest

from advgen_ray.analysis.inputs import attack_radii, attacked_rows, classifier_names, eps_of, rows_of
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


def test_rows_are_found_by_the_radii_read_from_them(energies):
    """Those of k/255 are no short decimals, and the rows hold them as float32."""
    given = [k / 255 for k in (1, 2, 3, 4, 6, 8, 16)]
    attacked = [{"view": "attacked", "attack_eps": eps} for eps in given]
    table = energies(attacked).astype({"attack_eps": "float32"})
    radii = attack_radii(table)
    assert radii == pytest.approx(given, rel=1e-7)
    for radius in [*radii, *given]:
        assert attacked_rows(table, "standard", radius)["attack_eps"].tolist() == [np.float32(radius)]
