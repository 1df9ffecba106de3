"""The page of a restoration: who is best is chosen on validation images, and what is told is of the test."""

import numpy as np
import pandas as pd
import pytest

from advgen_ray.analysis.restoration import DEGRADED, at_chosen_strength, by_strength
from advgen_ray.config import RestoreImagesConfig
from advgen_ray.report.page import Page, render
from advgen_ray.report.restoration_page import Restorations, restoration_page

MEANS = {  # by method and strength, of validation and of test images
    (DEGRADED, 0.0): (0.5, 0.5),
    ("lucky", 1.0): (0.6, 0.9),
    ("steady", 1.0): (0.7, 0.8),
    ("wavelets", 1.0): (0.65, 0.55),
    ("biharmonic", 1.0): (0.55, 0.65),
    ("nearest by original", 0.0): (0.95, 0.95),
}
NUM_IMAGES = 4


@pytest.fixture
def page() -> Page:
    rows = pd.DataFrame(
        [
            {"degradation": "noise", "method": method, "strength": strength, "half": half, "image_id": f"{half}-{i}",
             "ssim": mean + 0.01 * i, "psnr": 20 * mean}
            for (method, strength), means in MEANS.items()
            for half, mean in zip(("validation", "test"), means, strict=True)
            for i in range(NUM_IMAGES)
        ]
    )  # fmt: skip
    images = np.full((2, 1, 8, 8), 0.5, np.float32)
    results = Restorations(
        curves=by_strength(rows),
        chosen=at_chosen_strength(rows),
        first=rows[rows["half"] == "test"],
        originals=images,
        pictures={"noise": {method: {strength: images} for method, strength in MEANS}},
        models=["lucky", "steady"],
    )
    return restoration_page(results, RestoreImagesConfig().model_dump(mode="json"), "1")


def test_methods_are_chosen_on_validation_images(page: Page) -> None:
    assert page.answer == (
        "Mean SSIM with the original, by the model and by the other method that are best on validation images. "
        "noise: 0.515 left alone, 0.815 by steady, 0.565 by wavelets."
    )
    assert "each degraded in 1 way; " in page.lead
    (key,) = page.key_figures
    assert key.value == "+0.300"
    assert "by steady (95% interval" in key.detail
    assert "0.915" in render(page), "what was not chosen stands in the table"
