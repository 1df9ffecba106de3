"""Sampling and order of a rating page: even, keyed, repeats far apart."""

import itertools

import numpy as np
import pandas as pd
import pytest

from advgen_ray.analysis.rating_plan import CATCH, COUNTERFACTUAL, order_trials, sample_evenly


def _rows(num_targets: int = 5, sizes: tuple[int, ...] = (8, 3)) -> pd.DataFrame:
    cells = itertools.product(range(num_targets), range(len(sizes)))
    rows = [{"y_target": t, "set": f"set-{s}", "key": f"{s}/{t}/{i}"} for t, s in cells for i in range(sizes[s])]
    return pd.DataFrame(rows)


@pytest.mark.parametrize("num", [1, 4, 10, 13, 20, 27])
def test_classes_get_equally_many_and_sets_within_them(num: int) -> None:
    sample = sample_evenly(_rows(), ["y_target", "set"], num, 0, "test")
    assert len(sample) == num
    per_class = sample["y_target"].value_counts().reindex(range(5), fill_value=0)
    assert per_class.max() - per_class.min() <= 1
    cells = sample.groupby(["y_target", "set"]).size().unstack(fill_value=0)
    assert (cells.max(axis=1) - cells.min(axis=1)).max() <= 1


def test_what_a_small_set_lacks_the_other_gives() -> None:
    sample = sample_evenly(_rows(sizes=(8, 1)), ["y_target", "set"], 20, 0, "test")
    assert sample["y_target"].value_counts().tolist() == [4] * 5
    assert (sample["set"] == "set-1").sum() == 5


def test_a_remainder_falls_to_a_large_set_no_more_often_than_to_a_small_one() -> None:
    sample = sample_evenly(_rows(num_targets=100), ["y_target", "set"], 100, 0, "test")
    assert sample["y_target"].is_unique
    assert 35 <= (sample["set"] == "set-0").sum() <= 65, "73 by chance were the sets ranked by their smallest draw"


def test_the_sample_depends_on_seed_and_keys_alone() -> None:
    rows = _rows()
    sample = sample_evenly(rows, ["y_target", "set"], 12, 3, "test")
    again = sample_evenly(rows.sample(frac=1.0, random_state=1), ["y_target", "set"], 12, 3, "test")
    pd.testing.assert_frame_equal(sample, again)
    assert list(sample_evenly(rows, ["y_target", "set"], 12, 4, "test")["key"]) != list(sample["key"])


def _shown(num_pairs: int, num_catches: int) -> pd.DataFrame:
    kinds = [COUNTERFACTUAL] * num_pairs + [CATCH] * num_catches
    return pd.DataFrame({"key": [f"k{i}" for i in range(len(kinds))], "kind": kinds})


@pytest.mark.parametrize(("num_pairs", "num_repeats", "num_catches"), [(100, 10, 10), (20, 8, 0), (5, 2, 1), (3, 0, 0)])
def test_everything_is_shown_once_and_repeats_twice_and_far_apart(
    num_pairs: int, num_repeats: int, num_catches: int
) -> None:
    trials = order_trials(_shown(num_pairs, num_catches), num_repeats, 0)
    assert trials["trial"].tolist() == list(range(num_pairs + num_repeats + num_catches))
    assert sorted(trials.loc[~trials["repeat"], "key"]) == sorted(_shown(num_pairs, num_catches)["key"])
    again = trials[trials["repeat"]]
    assert len(again) == num_repeats
    assert set(again["kind"]) <= {COUNTERFACTUAL}
    for key, place in zip(again["key"], again["trial"], strict=True):
        first = trials.loc[(trials["key"] == key) & ~trials["repeat"], "trial"].item()
        assert place - first > (num_pairs - num_repeats + num_catches) // 3


def test_the_order_is_shuffled_by_the_seed_and_no_kind_has_its_place() -> None:
    shown = _shown(60, 30)
    orders = [order_trials(shown, 6, seed) for seed in range(20)]
    assert len({tuple(one["key"]) for one in orders}) == 20
    places = [one.loc[one["kind"] == CATCH, "trial"].mean() for one in orders]
    assert np.mean(places) == pytest.approx(47.5, abs=3.0)
    shuffled = order_trials(shown.sample(frac=1.0, random_state=0), 6, 0)
    pd.testing.assert_frame_equal(shuffled, orders[0])
