"""How the numbers of a search are written: fractions in percent, whatever stands in the names around them."""

import pandas as pd
import pytest

from advgen_ray.report.search_page import ends
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


@pytest.mark.parametrize(
    ("statuses", "mistake", "told"),
    [
        (["finished"], "", ["1 trial came to its end, 0 were stopped early."]),
        (["finished", "finished", "stopped"], "", ["2 trials came to their end, 1 was stopped early."]),
        (["finished", "failed"], "nan", ["1 trial came to its end, 0 were stopped early.", "1 failed; it says: nan."]),
        (["failed", "failed"], "nan", ["0 trials came to their end, 0 were stopped early.",
                                       "2 failed; the first says: nan."]),
    ],
)  # fmt: skip
def test_how_trials_ended_is_told_of_one_and_of_several(statuses: list[str], mistake: str, told: list[str]) -> None:
    assert ends(pd.DataFrame({"status": statuses, "mistake": mistake})) == told
