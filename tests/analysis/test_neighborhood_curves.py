"""The curves of S000 figure 7: their units, their symmetry, and how far the hardtanh is off."""

import numpy as np
import pytest

from advgen_ray.analysis.neighborhood_curves import NUM_POINTS, largest_gap, neighborhood_curves
from advgen_ray.counterfactuals.neighborhood import NEIGHBORHOODS

CURVES = neighborhood_curves(0.2, 0.1, 20.0, (0.01, 0.2))


def test_every_kind_at_every_time_pulls_to_the_source() -> None:
    assert CURVES.groupby(["kind", "time"]).size().tolist() == [NUM_POINTS] * 2 * len(NEIGHBORHOODS)
    for _, one in CURVES.groupby(["kind", "time"]):
        score = one["score"].to_numpy()
        np.testing.assert_allclose(score, -score[::-1], atol=1e-4)
        assert (score * one["offset"].to_numpy() <= 1e-6).all()


@pytest.mark.parametrize("kind", ["boltzmann_exact", "boltzmann_hardtanh"])
def test_boltzmann_ends_at_its_limit(kind: str) -> None:
    early = CURVES[(CURVES["kind"] == kind) & (CURVES["time"] == 0.01)]
    assert early["score"].iloc[0] == pytest.approx(1.0, abs=1e-3)
    assert CURVES[CURVES["kind"] == kind]["score"].abs().max() <= 1 + 1e-5


def test_the_gap_is_that_between_exact_and_hardtanh() -> None:
    at = {k: CURVES[(CURVES["kind"] == k) & (CURVES["time"] == 0.2)]["score"].to_numpy() for k in NEIGHBORHOODS}
    gap = np.abs(at["boltzmann_exact"] - at["boltzmann_hardtanh"]).max()
    assert largest_gap(CURVES, 0.2) == pytest.approx(gap)
    assert 0.02 < gap < 0.5
