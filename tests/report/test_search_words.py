"""How the numbers of a search are written: fractions in percent, whatever stands in the names around them."""

import pytest

from advgen_ray.report.search_words import Objective


@pytest.mark.parametrize(
    ("metric", "value", "written"),
    [
        ("validation_pgd_accuracy", 0.5, "50.0%"),
        ("detectors.LID.PGD (0.5).detection_rate", 0.25, "25.0%"),
        ("accuracy_under_attack.PGD (0.5)", 0.25, "25.0%"),
        ("samples.robust.4 x 1.recognized", 0.75, "75.0%"),
        ("samples.robust.4 x 1.judged", 0.75, "75.0%"),
        ("softmax_fpr_at_tpr_95", 0.125, "12.5%"),
        ("l0_mean", 0.1, "10.0%"),
        ("validity_low", 0.9, "90.0%"),
        ("samples.robust.4 x 1.rate", 21.4, "21.4"),  # samples a second
        ("samples.a_rate.4 x 1.logit", -2.5, "−2.5"),  # a model's name
        ("proxy_fid_rests_on.generated", 400.0, "400"),
        ("l2_mean", 0.5, "0.5"),
        ("calibrated", 2.0, "2"),
    ],
)
def test_fractions_and_only_these_are_in_percent(metric: str, value: float, written: str) -> None:
    assert Objective(metric, maximize=True).written(value) == written
