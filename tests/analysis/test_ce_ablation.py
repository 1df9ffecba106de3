"""What a set of counterfactuals is worth, and what a setting does: against figures worked out by hand."""

import math

import numpy as np
import pandas as pd
import pytest
from scipy.special import stdtrit

from advgen_ray.analysis.ce_ablation import (
    DISTANCES,
    Change,
    dominating,
    effects,
    measures,
    nearest_valid,
    rank_correlations,
    slice_of,
    with_front,
)
from advgen_ray.analysis.proportion import wilson
from advgen_ray.config.searchable import JUDGED

KEYS = ("kind", "sigma", "w")
BASE = {"kind": "b", "sigma": 0.2, "w": 4.0}


def _rows(**changes: object) -> pd.DataFrame:
    """Two sources with two different-class CEs each, and a same-class one that must not count."""
    rows = pd.DataFrame(
        {
            "source_id": ["p", "p", "p", "q", "q", "q"],
            "source_label": [0, 0, 0, 1, 1, 1],
            "y_target": [0, 1, 2, 0, 1, 2],
            "predicted": [0, 1, 0, 0, 1, 2],
            "l2": [99.0, 1.0, 2.0, 4.0, 99.0, 5.0],
        }
    )
    rows["l1"], rows["linf"], rows["l0"] = 10 * rows["l2"], rows["l2"] / 10, rows["l2"] / 100
    return rows.assign(**changes)


def _trials() -> pd.DataFrame:
    """A grid: validity grows with sigma w, L2 by 1 with each .1 of sigma and by 2 with kind a, L0 at sigma .3 alone."""
    rows = [
        {
            "kind": kind, "sigma": sigma, "w": w, "validity": 0.1 * sigma * w + (0.01 if kind == "a" else 0.0),
            "l2_mean": 10 * sigma + (2.0 if kind == "a" else 0.0), "l0_mean": 0.5 + (0.1 if sigma == 0.3 else 0.0),
        }
        for kind in ("b", "a")
        for sigma in (0.1, 0.2, 0.3)
        for w in (1.0, 4.0)
    ]  # fmt: skip
    return pd.DataFrame(rows)


def test_measures_by_hand() -> None:
    found = measures(_rows())
    assert {*found, "seconds_per_ce"} == set(JUDGED), "what a search may be told to look for"
    assert (found["count"], found["num_sources"]) == (4, 2)
    # Shares of 1/2 and 1: the design effect of two sources is 1, their Student's t is of one degree of freedom.
    ends = wilson(0.75, 4 * (stdtrit(3, 0.975) / stdtrit(1, 0.975)) ** 2)
    assert found["validity"] == 0.75
    assert (found["validity_low"], found["validity_high"]) == pytest.approx(ends)
    assert found["l2_mean"] == 3.0
    # The sources' means are 1.5 and 4.5: deviation sqrt(4.5) with n - 1, over sqrt(2).
    assert found["l2_se"] == pytest.approx(1.5)
    assert (found["l2_q25"], found["l2_median"], found["l2_q75"]) == (1.75, 3.0, 4.25)
    for name, scale in (("l1", 10.0), ("linf", 0.1), ("l0", 0.01)):
        assert found[f"{name}_mean"] == pytest.approx(3.0 * scale)
        assert found[f"{name}_se"] == pytest.approx(1.5 * scale)


def test_one_source_has_no_spread_and_none_has_nothing() -> None:
    one = measures(_rows().iloc[:3])
    assert (one["num_sources"], one["l2_mean"]) == (1, 1.5)
    assert math.isnan(one["l2_se"])
    none = measures(_rows(y_target=[0, 0, 0, 1, 1, 1]))
    assert none["count"] == 0
    assert all(math.isnan(none[f"{name}_mean"]) for name in DISTANCES)
    assert math.isnan(none["validity"])


def test_the_standard_error_is_that_of_sources_whatever_each_repeats() -> None:
    """Replicates that say the same thing again make no mean more certain."""
    assert measures(pd.concat([_rows()] * 5))["l2_se"] == pytest.approx(measures(_rows())["l2_se"])


def test_the_front_is_of_all_three_objectives() -> None:
    trials = pd.DataFrame(
        {
            "validity": [0.9, 0.9, 0.8, 0.8, math.nan],
            "l2_mean": [2.0, 2.0, 1.0, 2.0, 0.1],
            "l0_mean": [0.5, 0.6, 0.6, 0.4, 0.1],
        }
    )
    assert with_front(trials)["on_front"].tolist() == [True, False, True, True, False]
    assert dominating(trials, trials.iloc[1]).index.tolist() == [0]
    assert dominating(trials, trials.iloc[0]).empty


def test_effects_are_over_pairs_that_differ_in_nothing_else() -> None:
    found = {effect.key: effect for effect in effects(_trials(), KEYS, BASE)}
    sigma = found["sigma"]
    assert (sigma.one, sigma.other, sigma.num_pairs) == (0.1, 0.3, 4)
    turned = {effect.key: effect for effect in effects(_trials().iloc[::-1], KEYS, BASE)}
    assert (turned["sigma"].one, turned["sigma"].other) == (0.1, 0.3), "from the lowest, whichever came first"
    change = sigma.changes["l2_mean"]
    assert (change.num_up, change.num_down) == (4, 0)
    assert (change.mean, change.low, change.high) == pytest.approx((2.0, 2.0, 2.0))
    validity = sigma.changes["validity"]
    assert (validity.mean, validity.low, validity.high) == pytest.approx((0.05, 0.02, 0.08))
    kind = found["kind"]
    assert (kind.one, kind.other, kind.num_pairs) == ("b", "a", 6)
    assert kind.changes["l0_mean"] == Change(0.0, 0.0, 0.0, 0, 0)
    assert found["w"].changes["l2_mean"].num_up == 0


def test_a_trial_without_its_counterpart_is_in_no_pair() -> None:
    trials = _trials()
    lost = trials[~((trials["kind"] == "a") & (trials["sigma"] == 0.3) & (trials["w"] == 4.0))]
    assert {effect.key: effect.num_pairs for effect in effects(lost, KEYS, BASE)} == {"kind": 5, "sigma": 3, "w": 5}
    alone = trials.iloc[[0, 3]]  # differ in both numbers
    assert effects(alone, KEYS, BASE) == []
    only = effects(trials[(trials["sigma"] == 0.2) & (trials["w"] == 4.0)][["kind", *_objectives()]], ["kind"], BASE)
    assert [(effect.key, effect.num_pairs) for effect in only] == [("kind", 1)]


def _objectives() -> list[str]:
    return ["validity", "l2_mean", "l0_mean"]


def test_a_slice_goes_through_the_reference_unless_another_is_longer() -> None:
    trials = _trials()
    cut = slice_of(trials, ("sigma", "w"), "sigma", BASE)
    assert set(cut["w"]) == {4.0}
    assert cut["sigma"].tolist() == [0.1, 0.1, 0.2, 0.2, 0.3, 0.3]
    shorter = trials[~((trials["sigma"] == 0.1) & (trials["w"] == 4.0))]
    assert set(slice_of(shorter, ("sigma", "w"), "sigma", BASE)["w"]) == {1.0}
    assert slice_of(trials, ("w",), "w", BASE)["w"].tolist() == sorted(trials["w"])
    unsaid = slice_of(trials.assign(times=None), ("sigma", "w", "times"), "sigma", BASE | {"times": None})
    assert unsaid["sigma"].tolist() == cut["sigma"].tolist(), "a setting without a value"


def test_nearest_among_those_that_convince() -> None:
    trials = _trials()
    best = nearest_valid(trials, 0.08)
    assert best is not None
    assert (best["kind"], best["sigma"], best["w"]) == ("b", 0.2, 4.0)
    at_the_floor = nearest_valid(trials, best["validity"])
    assert at_the_floor is not None
    assert at_the_floor.name == best.name
    assert nearest_valid(trials, 0.9) is None
    sparsest = nearest_valid(trials, 0.0, "l0_mean")
    assert sparsest is not None
    assert sparsest["l0_mean"] == 0.5


def test_rank_correlations() -> None:
    found = rank_correlations(_trials(), "sigma")
    assert found["l0_mean"] == pytest.approx(1 / np.sqrt(2) * np.sqrt(3) / np.sqrt(2))  # three ranks against two
    constant = rank_correlations(_trials().assign(validity=0.5), "w")
    assert math.isnan(constant["validity"])
