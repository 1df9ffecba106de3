"""Shares of clustered samples: Wilson's interval where nothing is shared, wider where clusters repeat themselves."""

import math

import numpy as np
import pytest

from advgen_ray.analysis.clustered import Share, clustered_share, difference
from advgen_ray.analysis.proportion import Proportion, proportion, wilson

HITS = [True] * 13 + [False] * 7


def test_clusters_of_one_give_wilsons_interval() -> None:
    share = clustered_share(HITS, range(20))
    assert (share.low, share.high) == pytest.approx(proportion(HITS).interval)
    assert (share.value, share.count, share.num_clusters) == (0.65, 20, 20)


def test_samples_said_twice_count_about_once() -> None:
    """The design effect of K clusters of m equal samples is (K m - 1) / (K - 1)."""
    share = clustered_share(np.repeat(HITS, 3), np.repeat(np.arange(20), 3))
    assert (share.low, share.high) == pytest.approx(wilson(0.65, 60 * 19 / 59))
    alone = proportion(HITS)
    assert share.low == pytest.approx(alone.interval[0], abs=0.01)
    assert share.high - share.low > 1.6 * (proportion(HITS * 3).interval[1] - proportion(HITS * 3).interval[0])


def test_where_all_agree_a_cluster_is_one_sample() -> None:
    share = clustered_share([True] * 12, [0, 1, 2] * 4)
    assert (share.low, share.high) == pytest.approx(Proportion(3, 3).interval)


def test_clusters_that_vary_within_do_not_beat_independent_samples() -> None:
    share = clustered_share([True, False] * 10, np.repeat(np.arange(10), 2))
    assert (share.low, share.high) == pytest.approx(Proportion(10, 20).interval)


def test_one_cluster_is_one_sample_and_none_is_nothing() -> None:
    share = clustered_share([True, False, True], ["a"] * 3)
    assert (share.low, share.high) == pytest.approx(wilson(2 / 3, 1))
    nothing = clustered_share([], [])
    assert nothing.count == nothing.num_clusters == 0
    assert all(math.isnan(value) for value in (nothing.value, nothing.low, nothing.high))


def test_neither_names_nor_order_of_clusters_matter() -> None:
    rng = np.random.default_rng(0)
    hits, clusters = rng.random(40) < 0.6, rng.integers(0, 9, 40)
    order = rng.permutation(40)
    renamed = np.array([f"source-{9 - c}" for c in clusters])
    assert clustered_share(hits, clusters) == clustered_share(hits[order], renamed[order])


def test_a_difference_is_newcombes_published_one() -> None:
    """Newcombe 1998, table II (a): 56/70 - 48/80, method 10."""
    one, other = (Share(p.value, *p.interval, p.count, p.count) for p in (Proportion(56, 70), Proportion(48, 80)))
    assert difference(one, other) == pytest.approx((0.2, 0.0524, 0.3339), abs=5e-5)
    assert difference(other, one) == pytest.approx((-0.2, -0.3339, -0.0524), abs=5e-5)
