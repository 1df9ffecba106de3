"""When two sets of counterfactuals count as equally good, and how sure that is."""

import numpy as np
import pytest

from tests.benchmarks.agreement import Arrays, agrees, compare


def arrays(seed: int = 0, num_sources: int = 100, per_source: int = 9) -> Arrays:
    draws = np.random.default_rng(seed)
    shape = (num_sources, per_source)
    return {
        "validity": (draws.random(shape) < 0.95).astype(float),
        "l2": draws.gamma(20, 0.1, shape),
        "l0": draws.gamma(30, 0.01, shape),
    }


def test_a_set_agrees_with_itself() -> None:
    found = compare(arrays(), arrays())
    assert found.keys() == {
        "validity", "l2 mean", "l2 25%", "l2 50%", "l2 75%", "l0 mean", "l0 25%", "l0 50%", "l0 75%",
    }  # fmt: skip
    assert all(one == (0, 0, 0) for one in found.values())
    assert agrees(found)


@pytest.mark.parametrize(("factor", "agreed"), [(1.02, True), (0.98, True), (1.04, False), (0.96, False)])
def test_distances_are_compared_relatively(factor: float, agreed: bool) -> None:
    one = arrays()
    found = compare(one, one | {"l0": factor * one["l0"]})
    assert found["l0 75%"] == pytest.approx((factor - 1,) * 3)
    assert agrees(found) is agreed


def test_validity_is_compared_absolutely() -> None:
    one = arrays()
    other = one | {"validity": np.ones_like(one["validity"])}
    found = compare(one, other)
    assert found["validity"][0] == pytest.approx(1 - one["validity"].mean())
    assert not agrees(found)


def test_more_ces_of_a_source_that_say_the_same_make_nothing_surer() -> None:
    one, other = arrays(1, per_source=1), arrays(2, per_source=1)
    told = compare(one, other)
    repeated = compare(*({name: values.repeat(9, axis=1) for name, values in each.items()} for each in (one, other)))
    assert repeated["l2 mean"] == pytest.approx(told["l2 mean"])


def test_the_interval_is_that_of_the_mean() -> None:
    one, other = arrays(3, 400, 1), arrays(4, 400, 1)
    value, low, high = compare(one, other)["validity"]
    width = 2 * 1.96 * np.sqrt(((other["validity"] - one["validity"]).var()) / 400)
    assert low < value < high
    assert high - low == pytest.approx(width, rel=0.1)
