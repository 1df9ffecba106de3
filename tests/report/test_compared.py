"""What pages of compared trainings say: numbers with their spread, and what three seeds cannot tell."""

import math

import pytest

from advgen_ray.analysis.over_seeds import PairedDifference
from advgen_ray.report.compared import attack_words, difference_table, doubts, told, with_spread


def _difference(*values: float) -> PairedDifference:
    return PairedDifference("b", "a", "pgd_accuracy", dict(enumerate(values)))


def test_a_difference_says_whether_zero_is_ruled_out() -> None:
    assert told(_difference(0.01, 0.03, -0.01)) == (
        "+1.0 points (95% interval −4.0 to +6.0 over 3 seeds, which contains zero)"
    )
    assert told(_difference(-0.02, -0.021)).endswith("over 2 seeds, which leaves out zero)")
    assert told(_difference(0.01)) == "+1.0 points (one seed, its spread unknown)"


def test_a_table_has_every_seed() -> None:
    table = difference_table("T", "C.", [("b − a", _difference(0.01, 0.03, -0.01)), ("one", _difference(0.01))])
    assert table.rows == [
        ["b − a", "+1.0 (−4.0 to +6.0)", "+1.0, +3.0, −1.0", "3", "yes"],
        ["one", "+1.0", "+1.0", "1", "n/a"],
    ]
    assert "not of other images" in table.caption


def test_a_mean_carries_its_deviation_where_there_is_one() -> None:
    assert with_spread(0.8312, 0.009) == "83.1% ± 0.9"
    assert with_spread(0.8312, math.nan) == "83.1%"


@pytest.mark.parametrize(
    ("norm", "eps", "words"),
    [("linf", 8 / 255, "PGD(20) in Linf at 8/255"), ("linf", 0.2, "PGD(20) in Linf at 0.2"),
     ("l2", 0.5, "PGD(20) in L2 at 0.5"), ("l2", 0.123456, "PGD(20) in L2 at 0.123456")],
)  # fmt: skip
def test_an_attack_in_words(norm: str, eps: float, words: str) -> None:
    assert attack_words({"norm": norm, "eps": eps, "num_steps": 20}) == words


def test_doubts_grow_with_fewer_seeds() -> None:
    assert "3 seeds are few" in doubts(3, 10, "PGD")[0]
    assert "10 intervals stand on this page" in doubts(3, 10, "PGD")[1]
    assert "no difference here is more than an observation" in doubts(1, 10, "PGD")[0]
    assert all("a stronger set of attacks" in doubts(n, 10, "PGD")[-1] for n in (1, 3))
