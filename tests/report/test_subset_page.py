"""The page of the I, C, H, L experiment: its tables beside the published ones, and a verdict for every outcome."""

from typing import Any

import numpy as np
import pandas as pd
import pytest

from advgen_ray.analysis.over_seeds import paired_differences
from advgen_ray.analysis.training_subsets import composition, energy_strata, error_rates, select_subsets
from advgen_ray.recipes.digits_robust import digits_subsets
from advgen_ray.report.page import Page, panels_of, render
from advgen_ray.report.subset_page import SubsetResults, subset_page
from advgen_ray.rng import Stream
from advgen_ray.stages.subset_comparison import CONTRASTS, ERRORS


def _results(costs: dict[str, float], seeds: tuple[int, ...] = (1, 2, 3), num_incorrect: int = 40) -> SubsetResults:
    """Robust errors that leaving out adds, but for a little that differs by seed; incorrect images lie highest."""
    energy = np.linspace(-10, -2, 500)
    training = pd.DataFrame(
        {
            "item_id": [f"i{i:03d}" for i in range(500)],
            "energy_x": energy,
            "correct": np.arange(500) < 500 - num_incorrect,
        }
    )
    subsets = select_subsets(training, Stream(0, "subsets"))
    rows = []
    for subset in ("full", "I", "C", "H", "L"):
        for seed in seeds:
            robust = 0.5 + 0.02 * seed + (costs[subset] + 0.002 * seed if subset in costs else 0.0)
            rows.append({"subset": subset, "seed": seed, "clean_error": 0.05, "adversarial_error": robust})
    trainings = pd.DataFrame(rows)
    return SubsetResults(
        training=training,
        subsets=subsets,
        strata=energy_strata(training, subsets),
        composition=composition(training, subsets),
        trainings=trainings,
        error_rates=error_rates(trainings),
        contrasts={error: paired_differences(trainings, "subset", CONTRASTS, error) for error in ERRORS},
        base_metrics={"clean_accuracy": 0.95, "pgd_accuracy": 0.4},
    )


def _page(results: SubsetResults, **changes: Any) -> Page:
    return subset_page(results, digits_subsets().model_dump(mode="json") | changes, "1")


@pytest.mark.parametrize(
    ("costs", "verdict"),
    [
        ({"H": 0.1, "I": 0.1}, "Both cost robustness beyond the spread of the seeds, and cannot be told apart"),
        ({"H": 0.2, "I": 0.1}, "Both cost robustness beyond the spread of the seeds, and leaving out H costs more."),
        ({"H": 0.1, "I": 0.2}, "Both cost robustness beyond the spread of the seeds, and leaving out I costs more."),
        ({"I": 0.1}, "Only I of the two costs robustness beyond the spread of the seeds"),
        ({"H": 0.1, "I": -0.1}, "Only H of the two costs robustness beyond the spread of the seeds"),
        ({}, "Neither costs robustness beyond the spread of the seeds; Mirza et al. find that both do."),
        ({"L": 0.1}, "find that both do. Leaving out images of low energy (L, +10.4 points) does."),
        (
            {"H": 0.1, "I": 0.1, "L": 0.1},
            "as Mirza et al. find. Leaving out images of low energy (L, +10.4 points) does too.",
        ),
    ],
)
def test_the_verdict_is_what_the_seeds_tell(costs: dict[str, float], verdict: str) -> None:
    assert verdict in _page(_results(costs)).answer


def test_one_seed_gives_no_verdict() -> None:
    page = _page(_results({"H": 0.1}, seeds=(1,)), seeds=[1])
    assert page.answer.endswith("One seed says nothing of how far that is chance.")
    assert page.key_figures[0].detail == "one seed"
    assert "; 1 seed of each training;" in page.lead
    assert render(page)


def test_tables_stand_beside_the_published_ones() -> None:
    page = _page(_results({"H": 0.1, "I": 0.1}))
    errors, images = page.sections[:2]
    assert errors.blocks[1].rows[0][:4] == ["all images", "5.0% ± 0.0", "54.0% ± 2.0", "5.0%, 5.0%, 5.0%"]
    assert [row[0] for row in errors.blocks[2].rows][:3] == [
        "I − all, robust error", "C − all, robust error", "H − all, robust error",
    ]  # fmt: skip
    _, table_a, table_b = images.blocks
    assert [row[1:] for row in table_a.rows] == [["65", "40"], ["65", "0"], ["330", "0"]]
    assert table_a.context[0] == ["high, E(x) > −3.8744", "6,500", "2,724"]
    assert table_b.rows[2] == ["H: without correct of high energy", "65", "395", "40"]
    assert [row[1] for row in table_b.context] == ["3,317", "3,317", "6,500", "6,500"]
    assert (
        "wrong on 40 of 500 training images (8.0%; Mirza et al.: 6.6%), 40 of which are of high energy"
        in images.sentences[0]
    )


def test_every_picture_is_drawn() -> None:
    page = _page(_results({"H": 0.1, "I": 0.1}))
    assert len(panels_of(page.sections)) == 4
    assert render(page).count("data:image/svg+xml") == 4


def test_what_weakens_the_answer_is_said() -> None:
    training = digits_subsets().training.override(["num_validation_images=300"]).model_dump(mode="json")
    said = " ".join(_page(_results({}, num_incorrect=0), training=training).sections[2].sentences)
    assert "Every seed holds out 300 other training images" in said
    assert "I and C leave out none" in said
    said = " ".join(_page(_results({})).sections[2].sentences)
    assert "holds out" not in said
    assert "I and C leave out none" not in said
    assert "One model chose the images" in said
