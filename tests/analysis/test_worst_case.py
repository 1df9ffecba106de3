"""Each image counts once, and accuracy only falls from attack to attack."""

import math

import pandas as pd
import pytest

from advgen_ray.analysis.worst_case import worst_case


def _rows(*fallen_to: str) -> pd.DataFrame:
    distance = [0.0 if name in ("", "clean") else 0.1 * (i + 1) for i, name in enumerate(fallen_to)]
    return pd.DataFrame({"fallen_to": fallen_to, "distance": distance})


def test_counts_by_hand():
    found = worst_case(_rows("clean", "apgd", "", "square", "apgd", "", "", ""), ["apgd", "fab", "square"])
    assert found.clean.value == 7 / 8
    assert found.robust.value == 4 / 8
    assert found.attacks["attacked"].tolist() == [7, 5, 5]
    assert found.attacks["fell"].tolist() == [2, 0, 1]
    assert found.attacks["accuracy_after"].tolist() == [5 / 8, 5 / 8, 4 / 8]
    assert found.median_distance == pytest.approx(0.4)


def test_the_order_of_attacks_changes_no_total():
    fallen = ("clean", "apgd", "", "square")
    one, other = (worst_case(_rows(*fallen), names) for names in (["apgd", "square"], ["square", "apgd"]))
    assert one.robust == other.robust
    assert one.attacks["accuracy_after"].iloc[-1] == other.attacks["accuracy_after"].iloc[-1]


def test_nothing_fell():
    found = worst_case(_rows("", ""), ["apgd"])
    assert found.robust.value == 1.0
    assert math.isnan(found.median_distance)


def test_a_fall_to_no_attack_of_the_list_is_refused():
    with pytest.raises(ValueError, match="fell to \\['fab'\\]"):
        worst_case(_rows("fab"), ["apgd"])


def test_an_attack_that_is_listed_twice_has_one_row() -> None:
    rows = pd.DataFrame({"fallen_to": ["a", "", ""], "distance": [1.0, 0.0, 0.0]})
    found = worst_case(rows, ["a", "a"])
    assert found.attacks.to_dict("records") == [{"attack": "a", "attacked": 3, "fell": 1, "accuracy_after": 2 / 3}]
