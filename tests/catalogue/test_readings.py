"""Every row reads what its jobs say, at either scale; how some margins are made of it."""

import math
from collections.abc import Callable
from typing import Any

import pytest

from advgen_ray.analysis.proportion import wilson
from advgen_ray.catalogue import ROWS, chosen
from advgen_ray.catalogue.entry import Row, Scale, Summaries
from advgen_ray.catalogue.placing import config_of
from tests.catalogue.invented import summary_of

SCALES: tuple[Scale, ...] = ("small", "paper")
# One run does not tell how sure these are: least or ratio of means, one training, distances of whole sets.
WITHOUT_INTERVAL = {"B7", "C2", "C10", "C11", "D1", "D2", "D3", "D9", "D10", "E1"}


def invented(row: Row, scale: Scale) -> Summaries:
    return {name: summary_of(config_of(work, "runs", 0)) for name, work in row.works(scale).items()}


def _margin(row_id: str, change: Callable[[Any], None]) -> float:
    """Of a row at small scale, after a change to what its jobs say."""
    (row,) = chosen([row_id])
    found = invented(row, "small")
    change(found)
    return row.read(found).margin.value


@pytest.mark.parametrize("scale", SCALES)
@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.id)
def test_a_row_reads_what_its_jobs_say(row: Row, scale: Scale) -> None:
    reading = row.read(invented(row, scale))
    value, low, high = reading.margin
    assert math.isfinite(value)
    assert math.isnan(low) == math.isnan(high) == (row.id in WITHOUT_INTERVAL)
    assert math.isnan(low) or low <= value <= high
    names = [figure.name for figure in reading.figures]
    assert len(set(names)) == len(names), "figures are known by their names over seeds"
    assert any(figure.ours is not None for figure in reading.figures)
    printed = [figure.published for figure in reading.figures if figure.published is not None]
    assert bool(printed) == bool(row.published_on)


def test_a_counterfactual_that_was_never_made_is_missed() -> None:
    def without_a_source(found: Any) -> None:
        ces = found["study"]["counterfactuals"]
        ces["num_sources"] -= 1
        ces["count"] -= 20

    assert _margin("C3", lambda found: None) == 0.5
    assert _margin("C3", without_a_source) == -19.5


def test_a_gain_is_as_sure_as_the_shares_that_it_is_of() -> None:
    """Newcombe 1998, table II (a): 56/70 - 48/80, as the gain under PGD; clean accuracy falls by more."""
    shares = {"low": {"pgd_accuracy": 0.6}, "high": {"pgd_accuracy": 0.8}}
    for name, count in (("low", 80), ("high", 70)):
        ends = wilson(shares[name]["pgd_accuracy"], count)
        shares[name] |= dict(zip(("pgd_low", "pgd_high"), ends, strict=True))

    def gains(found: Any) -> None:
        standard, *robust = found["study"]["classifiers"]
        standard |= shares["low"]
        for model in robust:
            model |= shares["high"] | {"clean_accuracy": 0.1, "clean_low": 0.1, "clean_high": 0.1}

    (row,) = chosen(["A1"])
    found: Any = invented(row, "small")
    gains(found)
    assert row.read(found).margin == pytest.approx((0.2, 0.0524, 0.3339), abs=5e-5)


def test_losses_are_compared_with_standard_training_seed_by_seed() -> None:
    """WEAT is .04 better in each seed, however far these lie apart; what is best of the others is luck at most."""
    (row,) = chosen(["A3"])
    found: Any = invented(row, "small")
    gains = {"weat_adv": 0.06, "weat_nat": 0.02, "mart": 0.3}
    for one in found["losses"]["trainings"]:
        one["pgd_accuracy"] = 0.4 + 0.1 * one["seed"] + gains.get(one["loss"], 0.0)
    assert row.read(found).margin == pytest.approx((0.04, 0.04, 0.04))


def test_a_single_training_leaves_the_margin_without_an_interval() -> None:
    (row,) = chosen(["B8"])
    found: Any = invented(row, "small")
    found["subsets"]["trainings"] = [one for one in found["subsets"]["trainings"] if one["seed"] == 1]
    value, low, high = row.read(found).margin
    assert value == 0.0
    assert math.isnan(low)
    assert math.isnan(high)


def test_confidence_that_falls_with_the_distance_is_no_support() -> None:
    def falls(found: Any) -> None:
        found["study"]["confidence_vs_distance"][-1] |= {"correlation": -0.6, "r2": 0.36, "r2_low": 0.2, "r2_high": 0.5}

    (row,) = chosen(["C6"])
    found: Any = invented(row, "small")
    falls(found)
    value, low, high = row.read(found).margin
    assert value == pytest.approx(-0.46)
    assert low < value < high < 0


def test_a_worst_case_that_is_the_first_attacks_is_not_below_it() -> None:
    def found_by_others(found: Any, more: float) -> None:
        found["suite"]["robust_accuracy"] = 0.5 - more

    assert _margin("A4", lambda found: found_by_others(found, 0.0)) == pytest.approx(-0.005)
    assert _margin("A4", lambda found: found_by_others(found, 0.01)) == pytest.approx(0.005)


def test_the_least_robust_classifier_decides_of_gradients() -> None:
    def one_is_worse(found: Any) -> None:
        models = found["study"]["classifier_images"]["gradients"]
        for model in models[1:]:
            model["alignment"] = 0.9
        models[1]["alignment"] = models[0]["alignment"] - 0.1

    assert _margin("B6", one_is_worse) == pytest.approx(-0.1)
