"""Each claim's margin is above zero where the results agree with the claim, and below where they contradict it."""

from typing import Any

import pytest

from advgen_ray.catalogue import ROWS, chosen
from tests.catalogue.contradictions import binary_training, classifiers, counterfactuals, service
from tests.catalogue.contradictions.change import Way
from tests.catalogue.test_readings import invented

CHANGES = classifiers.CHANGES | counterfactuals.CHANGES | binary_training.CHANGES | service.CHANGES


@pytest.mark.parametrize("way", [1, -1])
@pytest.mark.parametrize("row_id", [row.id for row in ROWS])
def test_a_margin_has_the_sign_of_what_the_results_say(row_id: str, way: Way) -> None:
    (row,) = chosen([row_id])
    found: Any = invented(row, "small")
    CHANGES[row_id](found, way)
    margin = row.read(found).margin
    assert margin.value * way > 0
    if margin.low == margin.low:
        assert margin.low <= margin.value <= margin.high
