"""Pages of other jobs where there is one result, or none."""

from typing import Any

import numpy as np
import pandas as pd
import pytest

from advgen_ray.analysis.distortion import DISSERTATION, NEAREST
from advgen_ray.config import ExplainPredictionsConfig, MeasureDistortionConfig
from advgen_ray.report.distortion_page import Distortions, distortion_page
from advgen_ray.report.explanation_page import Explanations, explanation_page

IMAGES = np.full((1, 1, 8, 8), 0.5, np.float32)


@pytest.mark.parametrize(
    ("found", "told"),
    [
        (0.0, ["Past generative detection nothing was found for any of the images."]),
        (0.5, ["Past generative detection nothing was found for 50.0% of the images: its mean is over the others, and "
               "8.00 at most over all."]),
        (1.0, []),
    ],
)  # fmt: skip
def test_a_mean_over_none_is_not_told(found: float, told: list[str]) -> None:
    row: dict[str, Any] = {
        "method": "generative", "found": found, "mean": 2.0 if found else np.nan, "mean_bound": 8.0, "count": 4,
        "lower_quartile": 1.0, "median": 2.0, "upper_quartile": np.inf,
    }  # fmt: skip
    table = pd.DataFrame([row | {"search": search} for search in (DISSERTATION, NEAREST)])
    distances = {("generative", NEAREST): pd.Series([1.0])}
    results = Distortions(table, distances, IMAGES, {"generative": IMAGES}, ["0 to 1"])
    page = distortion_page(results, MeasureDistortionConfig().model_dump(mode="json"), {"generative": 0.5}, "1")
    assert page.sections[0].sentences[2:] == told


def test_one_classifier_explains_alone() -> None:
    row = {"classifier": "standard", "baseline": "black", "count": 4, "accuracy": 1.0, "bright": 0.2, "missed": 0.1,
           "missed_share": 0.01}  # fmt: skip
    shares = {f"{key}{end}": 0.3 for key in ("attributed", "excess", "beyond_first") for end in ("", "_low", "_high")}
    results = Explanations(pd.DataFrame([row | shares]), IMAGES, ["0"], {"black": {"standard": IMAGES}})
    page = explanation_page(results, ExplainPredictionsConfig().model_dump(mode="json"), "1")
    assert "logit by 1 classifier, on" in page.lead
