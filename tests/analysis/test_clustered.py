"""Shares of clustered samples: Wilson's interval where nothing is shared, wider where clusters repeat themselves."""

import math
from itertools import pairwise

import numpy as np
import pytest
from scipy.special import stdtrit

from advgen_ray.analysis.clustered import clustered_share
from advgen_ray.analysis.proportion import Proportion, proportion, wilson

HITS = [True] * 13 + [False] * 7


def test_clusters_of_one_give_wilsons_interval() -> None:
    share = clustered_share(HITS, range(20))
    assert (share.low, share.high) == pytest.approx(proportion(HITS).interval)
    assert (share.value, share.count, share.num_clusters) == (0.65, 20, 20)


def test_samples_said_twice_count_about_once() -> None:
    """The design effect of K clusters of m equal samples is (K m - 1) / (K - 1), of K - 1 degrees of freedom."""
    share = clustered_share(np.repeat(HITS, 3), np.repeat(np.arange(20), 3))
    assert share.interval == pytest.approx(wilson(0.65, 60 * 19 / 59 * (stdtrit(59, 0.975) / stdtrit(19, 0.975)) ** 2))
    alone = proportion(HITS)
    assert share.low == pytest.approx(alone.interval[0], abs=0.02)
    assert share.high - share.low > 1.6 * (proportion(HITS * 3).interval[1] - proportion(HITS * 3).interval[0])


def test_where_all_agree_few_clusters_still_say_little() -> None:
    """The design effect is 1, as with one miss; three clusters leave two degrees of freedom, and 12 samples 11."""
    share = clustered_share([True] * 12, [0, 1, 2] * 4)
    effective = 12 * (stdtrit(11, 0.975) / stdtrit(2, 0.975)) ** 2
    assert 3 < effective < 3.2
    assert share.interval == pytest.approx(wilson(1.0, effective))


@pytest.mark.parametrize("missed", [(0,), (0, 1), (0, 9), (0, 1, 2, 3, 4, 5, 6, 7, 8)])
def test_a_last_miss_that_becomes_a_hit_lowers_neither_end(missed: tuple[int, ...]) -> None:
    """Were a cluster one sample where all agree, 180 hits of 180 would have a lower end 13 points below that of 179."""
    clusters, hits = np.repeat(np.arange(20), 9), np.ones(180, dtype=bool)
    shares = [clustered_share(hits, clusters)]
    for miss in missed:
        hits[miss] = False
        shares.append(clustered_share(hits, clusters))
    for lower, higher in pairwise(reversed(shares)):
        assert lower.low <= higher.low
        assert lower.high <= higher.high
    mirrored = clustered_share(~hits, clusters)
    assert mirrored.interval == pytest.approx((1 - shares[-1].high, 1 - shares[-1].low))


@pytest.mark.parametrize(("rate", "correlation"), [(0.97, 0.1), (0.9, 0.3), (0.6, 0.9), (0.5, 0.1)])
def test_the_interval_covers_as_often_as_it_says(rate: float, correlation: float) -> None:
    """Hits are beta-binomial: 20 clusters of 9 with this correlation within."""
    rng, covered, clusters = np.random.default_rng(0), 0, np.repeat(np.arange(20), 9)
    concentration = 1 / correlation - 1
    for _ in range(400):
        rates = rng.beta(rate * concentration, (1 - rate) * concentration, 20)
        share = clustered_share(rng.random(180) < rates[clusters], clusters)
        covered += share.low <= rate <= share.high
    assert covered / 400 >= 0.92


def test_clusters_that_vary_within_do_not_beat_independent_samples() -> None:
    """The variance between them is nil; what they are fewer than the samples still counts, by Student's t."""
    share = clustered_share([True, False] * 10, np.repeat(np.arange(10), 2))
    assert share.interval == pytest.approx(wilson(0.5, 20 * (stdtrit(19, 0.975) / stdtrit(9, 0.975)) ** 2))
    assert share.low < Proportion(10, 20).interval[0]


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
