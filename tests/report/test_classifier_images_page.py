"""The page of images from classifiers: its words and numbers are the tables', with and without a judge."""

from typing import Any

import numpy as np
import pandas as pd
import pytest

from advgen_ray.analysis.classifier_images import generated_table, gradient_table
from advgen_ray.report.blocks import Table
from advgen_ray.report.classifier_images_page import ClassifierImages, Neighbors, classifier_images_page
from advgen_ray.report.page import Page, panels_of, render

CONFIG: dict[str, Any] = {
    "data": {"name": "digits"}, "num_steps": 20, "step_size": 0.05, "momentum": 0.5, "noise_scale": 0.001,
    "start_sigma": 0.03, "pca_variance": 0.99,
}  # fmt: skip
CLASSES = ("zero", "one")


def _pictures(num_images: int, channels: int = 1) -> np.ndarray:
    return np.random.default_rng(num_images).random((num_images, channels, 8, 8), dtype=np.float32)


def _page(
    names: tuple[str, ...] = ("eps-0.0", "eps-1.5"), *, judge: bool = True, channels: int = 1, slope: float = 0.0
) -> Page:
    count = 4 * len(names)
    labels = np.tile([0, 0, 1, 1], len(names))
    rows = pd.DataFrame(
        {
            "classifier": np.repeat(names, 4),
            "classifier_eps": 0.0,
            "y_target": labels,
            "predicted": labels,
            "judge_start_predicted": labels if judge else -1,
            "judge_predicted": np.where(np.arange(count) % 4 == 0, 1, labels) if judge else -1,
            "neighbor_labels": list(np.stack([labels, labels], axis=1)),
            "neighbor_ssim": list(np.linspace([0.5, 0.1], [0.9, 0.2], count)),
            "start_ssim": 0.25,
            **dict.fromkeys(("start_energy_x", "start_energy_xy", "energy_x", "energy_xy"), -2.0),
        }
    )
    gradients = pd.DataFrame(
        {
            "classifier": np.repeat(names, 2),
            "classifier_eps": np.repeat(np.arange(len(names), dtype=float), 2),
            "label": 0,
            "predicted": 0,
            "gradient_norm": 1.0,
            "alignment": np.tile([0.1, 0.3], len(names)) + np.repeat(slope * np.arange(len(names)), 2),
            "sparsity": 0.5,
        }
    )
    neighbors = Neighbors(_pictures(2, channels), np.stack([_pictures(3, channels)] * 2), np.full((2, 3), 0.5))
    results = ClassifierImages(
        generated_table=generated_table(rows),
        gradient_table=gradient_table(gradients),
        starts={name: _pictures(2, channels) for name in CLASSES},
        generated={name: {of: _pictures(2, channels) for of in CLASSES} for name in names},
        neighbors=dict.fromkeys(names, neighbors),
        energy_paths={name: np.linspace([-1.0] * 4, [-5.0] * 4, 21) for name in names},
        inputs=_pictures(2, channels),
        input_names=CLASSES,
        gradients={name: _pictures(2, channels) for name in names},
    )
    return classifier_images_page(results, CONFIG, "9.9")


def _numbers(page: Page) -> Table:
    return next(block for block in page.sections[0].blocks if isinstance(block, Table))


def test_words_and_numbers_are_the_tables() -> None:
    page = _page()
    first, last = _numbers(page).rows
    assert (first[0], first[3][:5], first[5:]) == ("eps-0.0", "75.0%", ["0.25", "0.59", "4"])
    assert f"{first[6]} for eps-0.0 and {last[6]} for eps-1.5 (starts: 0.25)" in page.answer
    assert "in 75.0% and 75.0% of them (starts: 100.0%)" in page.answer
    assert [(key.title, key.value) for key in page.key_figures] == [("eps-0.0", first[6]), ("eps-1.5", last[6])]
    assert "the judge sees the class in 75.0% of 4 images" in page.key_figures[0].detail
    assert "0.20 ± 0.10" in page.sections[1].sentences[0]


def test_alignment_rises_or_falls_only_beyond_its_errors() -> None:
    unknown = "no change can be told from these images"
    for slope, words in ((-0.5, "it falls"), (-0.2, unknown), (0.2, unknown), (0.5, "it rises")):
        assert f"From eps-0.0 to eps-1.5 {words};" in _page(slope=slope).sections[1].sentences[1]
    assert len(_page(("mine",)).sections[1].sentences) == 1, "one classifier has nothing to rise from"


def test_without_a_judge_the_generator_speaks() -> None:
    page = _page(("mine",), judge=False)
    assert "0.70 for mine, which sees the class asked for in 100.0% of its own" in page.answer
    assert page.lead.startswith("4 images from one classifier: ")
    assert "it sees the class in 100.0% of 4 images" in page.key_figures[0].detail
    assert _numbers(page).rows[0][2:4] == ["n/a", "n/a"]


@pytest.mark.parametrize("channels", [1, 3])
def test_the_page_renders_and_can_become_part_of_another(channels: int) -> None:
    page = _page(channels=channels)
    assert "What do classifiers take a class to be?" in render(page)
    names = [panel.name for panel in panels_of(page.sections)]
    assert names == [
        "starts", "sgld-descent", "generated-eps-0.0", "ssim-neighbors-eps-0.0", "generated-eps-1.5",
        "ssim-neighbors-eps-1.5", "input-gradients",
    ]  # fmt: skip
    assert all(panel.svg.startswith(b"<?xml") and panel.alt for panel in panels_of(page.sections))
    assert [section.anchor for section in page.sections] == ["classifier-images", "input-gradients", "run"]
