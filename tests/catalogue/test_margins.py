"""Margins over seeds are of the seeds that all compared trainings have."""

import pytest

from advgen_ray.catalogue.margins import seed_by_seed


def test_a_seed_that_one_of_them_lacks_is_left_out() -> None:
    accuracies = {("a", 0): 0.5, ("b", 0): 0.7, ("sat", 0): 0.5, ("a", 1): 0.4, ("b", 1): 0.6, ("sat", 1): 0.3}
    lacking = {("a", 2): 0.9, ("sat", 2): 0.1, ("b", 3): 0.9, ("a", 3): 0.9}
    rows = [{"loss": name, "seed": seed, "pgd": value} for (name, seed), value in (accuracies | lacking).items()]
    assert seed_by_seed(rows, "loss", ("a", "b"), "sat", "pgd").value == pytest.approx(0.15)
