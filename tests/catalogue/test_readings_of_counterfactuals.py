"""How margins of the rows on counterfactuals are made: of two data sets, both distances, two counterfactuals."""

from collections.abc import Callable
from typing import Any

import pytest

from advgen_ray.catalogue import chosen
from advgen_ray.catalogue.entry import Reading, Scale
from tests.catalogue.test_readings import invented


def _reading(row_id: str, scale: Scale, change: Callable[[Any], None]) -> Reading:
    (row,) = chosen([row_id])
    found: Any = invented(row, scale)
    change(found)
    return row.read(found)


@pytest.mark.parametrize("row_id", ["C1", "C3", "C4", "C5", "C6", "C7", "C10"])
def test_at_paper_scale_both_data_sets_are_read(row_id: str) -> None:
    reading = _reading(row_id, "paper", lambda found: None)
    names = [figure.name for figure in reading.figures if figure.ours is not None]
    on_svhn = [name for name in names if name.startswith("SVHN, ")]
    assert 0 < len(on_svhn) <= len(names) / 2


def test_the_data_set_of_the_least_margin_decides() -> None:
    def on_svhn_it_turns(found: Any) -> None:
        found["SVHN"]["effect"] = {"value": -0.2, "low": -0.3, "high": -0.1}

    assert _reading("C7", "paper", on_svhn_it_turns).margin == (-0.2, -0.3, -0.1)


def test_nearer_but_not_sparser_is_half_of_the_claim() -> None:
    def nearer_only(found: Any) -> None:
        for one in found["study"]["variants"]:
            one |= {"mean_l2": 0.5, "mean_l0": 0.4} if one["name"] == "main" else {"mean_l2": 1.0, "mean_l0": 0.2}

    assert _reading("C5", "small", nearer_only).margin.value == pytest.approx(-1.0)


def test_a_class_is_told_by_two_counterfactuals_as_in_the_paper() -> None:
    def more_do_better(found: Any) -> None:
        for row in found["distances"]["curves"]:
            row["accuracy"] = 0.7 + 0.05 * row["num_replicates"]

    reading = _reading("C9", "paper", more_do_better)
    assert reading.margin.value == pytest.approx(0.8 - 0.85)
    (compared,) = [figure for figure in reading.figures if figure.published is not None]
    assert compared.ours == pytest.approx(0.8)


@pytest.mark.parametrize(
    ("ends", "margin"), [((-0.5, -0.2), 0.2), ((0.1, 0.4), 0.1), ((-0.1, 0.3), -0.1), ((-0.4, 0.0), 0.0)]
)
def test_a_link_is_a_correlation_whose_interval_leaves_zero_out(ends: tuple[float, float], margin: float) -> None:
    def correlated(found: Any) -> None:
        row = found["alignment"]["classifiers"][-1]
        row |= {f"alignment_correlation_{name}": end for name, end in zip(("low", "high"), ends, strict=True)}

    assert _reading("C11", "small", correlated).margin.value == pytest.approx(margin)
