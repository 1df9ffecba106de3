"""The chance of ranking above: scikit-learn's AUC, and in bounded memory."""

import pytest
import torch
from sklearn.metrics import roc_auc_score

from advgen_ray.detection.ranking import chance_above


def test_it_is_the_area_under_the_curve_of_scikit_learns_ties_included() -> None:
    generator = torch.Generator().manual_seed(0)
    for _ in range(20):
        positive, negative = (torch.randint(0, 8, (size,), generator=generator).float() for size in (13, 21))
        labels = [1] * 13 + [0] * 21
        assert chance_above(positive, negative) == pytest.approx(roc_auc_score(labels, torch.cat([positive, negative])))
    assert chance_above(torch.zeros(4), torch.zeros(5)) == 0.5


def test_of_many_values_it_takes_no_table_of_pairs() -> None:
    """A million of each: the table would hold 10^12 pairs."""
    values = torch.arange(1_000_000.0)
    assert chance_above(values + 0.5, values) == 0.5 + 0.5 / 1_000_000
    assert chance_above(values, values) == 0.5


def test_nan_ranks_with_infinity_on_either_side() -> None:
    nan, inf = float("nan"), float("inf")
    assert chance_above(torch.tensor([0.5]), torch.tensor([1.0, nan])) == 0.0
    assert chance_above(torch.tensor([1.0, nan]), torch.tensor([0.5, inf])) == 0.625
    assert chance_above(torch.tensor([-inf]), torch.tensor([-inf, -1.0])) == 0.25
