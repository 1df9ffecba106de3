"""Kappas: the published worked examples, their limits, and who is compared with whom."""

import math

import numpy as np
import pandas as pd
import pytest

from advgen_ray.analysis.rater_reliability import fleiss_kappa, reliability

# Fleiss 1971, table 1: how many of six psychiatrists gave each of 30 patients each of five diagnoses.
DIAGNOSES = (
    "00060 03003 01401 00006 03030 20400 00402 20310 20040 00006 10050 11040 03300 10050 02031 "
    "00501 30012 51000 02040 10203 00006 01050 02013 20040 10041 05010 40002 02040 10500 00006"
)


def test_fleiss_is_the_published_worked_example() -> None:
    counts = np.array([[int(digit) for digit in row] for row in DIAGNOSES.split()])
    assert counts.sum(axis=0).tolist() == [26, 26, 30, 55, 43]
    assert fleiss_kappa(counts) == pytest.approx(0.430, abs=5e-4)


def test_fleiss_of_perfect_and_of_no_agreement() -> None:
    assert fleiss_kappa([[3, 0], [0, 3], [3, 0]]) == 1.0
    assert math.isnan(fleiss_kappa([[3, 0], [3, 0]])), "chance alone agrees"
    assert fleiss_kappa([[1, 1], [1, 1]]) == -1.0


def test_fleiss_of_two_raters_is_scotts_pi() -> None:
    """Scott 1955: expected agreement of the pooled shares."""
    first, second = np.array([0, 0, 1, 1, 2, 2, 0, 1]), np.array([0, 1, 1, 1, 2, 0, 0, 2])
    counts = np.stack([(first == k).astype(int) + (second == k) for k in range(3)], axis=1)
    pooled = np.bincount(np.concatenate([first, second])) / 16
    by_chance = (pooled**2).sum()
    assert fleiss_kappa(counts) == pytest.approx(((first == second).mean() - by_chance) / (1 - by_chance))


@pytest.mark.parametrize("counts", [[[2, 1], [1, 1]], [[1, 0]], []])
def test_unequal_or_too_few_raters_are_refused(counts: list[list[int]]) -> None:
    with pytest.raises(ValueError, match="the same two or more raters"):
        fleiss_kappa(counts)


def _judgements(**seen: list[int]) -> pd.DataFrame:
    return pd.concat(
        pd.DataFrame({"rater": rater, "pair": [f"p{i}" for i in range(len(said))], "seen": said, "plausible": True})
        for rater, said in seen.items()
    )


def test_two_raters_have_cohens_kappa() -> None:
    """20 and 15 of 50 said alike, 5 and 10 not: observed .7, expected .5, kappa .4."""
    first = [0] * 25 + [1] * 25
    second = [0] * 20 + [1] * 5 + [0] * 10 + [1] * 15
    table = reliability(_judgements(ada=first, bob=second)).set_index("question")
    assert table.loc["class seen", ["raters", "measure", "agreement"]].tolist() == ["ada, bob", "Cohen", 0.7]
    assert table.loc["class seen", "kappa"] == pytest.approx(0.4)
    assert math.isnan(table.loc["plausible", "kappa"]), "both always said yes"
    assert table.loc["plausible", "agreement"] == 1.0
    assert set(table["num_pairs"]) == {50}


def test_of_more_raters_all_stand_first_and_then_every_two() -> None:
    table = reliability(_judgements(ada=[0, 1, 2, 0], bob=[0, 1, 2, 1], cyd=[0, 1, 2, 0]))
    seen = table[table["question"] == "class seen"]
    assert seen["raters"].tolist() == ["all 3", "ada, bob", "ada, cyd", "bob, cyd"]
    assert seen["measure"].tolist() == ["Fleiss", "Cohen", "Cohen", "Cohen"]
    assert seen["agreement"].tolist() == pytest.approx([10 / 12, 0.75, 1.0, 0.75])
    assert seen["kappa"].iloc[0] == pytest.approx(fleiss_kappa([[3, 0, 0], [0, 3, 0], [0, 0, 3], [2, 1, 0]]))


def test_one_rater_is_compared_with_nobody() -> None:
    table = reliability(_judgements(ada=[0, 1]))
    assert table.empty
    assert "kappa" in table.columns
