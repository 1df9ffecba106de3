"""The page of a comparison of losses: who is best, what is decided, what is shown where it was recorded."""

from typing import Any

import numpy as np
import pandas as pd
import pytest

from advgen_ray.analysis.over_seeds import paired_differences, spread
from advgen_ray.recipes.digits_robust import digits_losses
from advgen_ray.report.loss_page import LossResults, loss_page
from advgen_ray.report.page import Page, panels_of, render

QUANTITIES = ("clean_accuracy", "pgd_accuracy")
TERMS = {"natural_loss": 0.5, "kl": 0.3, "kl_conditional": 0.5, "kl_marginal": -0.2}


def _energies(num_images: int = 12) -> pd.DataFrame:
    energy = np.linspace(-8, -4, num_images)
    rows = {
        "item_id": [f"i{i:02}" for i in range(num_images)], "label": np.arange(num_images) % 3,
        "natural_energy_x": energy, "natural_energy_xy": energy + 0.5, "attacked_energy_x": energy - 1.0,
        "attacked_energy_xy": energy + 3.5,
    }  # fmt: skip
    return pd.concat([pd.DataFrame(rows).assign(epoch=epoch, seed=seed) for seed in (0, 1, 2) for epoch in (1, 15)])


def _results(gain: float, seeds: tuple[int, ...] = (0, 1, 2), recorded: bool = True) -> LossResults:
    """WEAT-adv is better than TRADES by ``gain`` and a little that differs by seed; SAT is as good."""
    rows = []
    for loss, more in (("sat", 0.0), ("trades", 0.0), ("weat_adv", gain)):
        for seed in seeds:
            robust = 0.5 + 0.02 * seed + (more + 0.001 * seed if more else 0.0)
            accuracies = {"clean_accuracy": 0.9, "pgd_accuracy": robust}
            rows.append({"loss": loss, "seed": seed, **accuracies, "seconds": 60.0, "best_epoch": np.nan})
    table = pd.DataFrame(rows)
    pairs = [("sat", "trades"), ("weat_adv", "trades")]
    plain = [{"epoch": epoch, "train_accuracy": 0.1 * epoch} for epoch in (1.0, 2.0)]
    return LossResults(
        trainings=table,
        spread=spread(table, "loss", [*QUANTITIES, "seconds", "best_epoch"]),
        differences={key: paired_differences(table, "loss", pairs, key) for key in QUANTITIES},
        histories={"sat": plain, "trades": [row | TERMS for row in plain], "weat_adv": [row | TERMS for row in plain]},
        identity_error=3e-7 if recorded else None,
        energies={"sat": _energies(), "trades": _energies()} if recorded else {},
        class_names=["a", "b", "c"],
    )


def _page(results: LossResults, **changes: Any) -> Page:
    return loss_page(results, digits_losses().model_dump(mode="json") | changes, "1")


def test_the_best_loss_and_what_is_decided_come_first() -> None:
    page = _page(_results(gain=0.05))
    assert page.answer == (
        "The highest mean robust accuracy is WEAT-adv's, 57.1% ± 2.1. Beyond the spread of 3 seeds, these differ from "
        "TRADES: WEAT-adv (+5.1 points)."
    )
    assert [(key.title, key.value) for key in page.key_figures] == [
        ("TRADES, robust", "52.0%"), ("WEAT-adv, robust", "57.1%"), ("WEAT-adv minus TRADES", "+5.1"),
        ("Losses that differ from TRADES", "1 of 2"),
    ]  # fmt: skip
    accuracy = page.sections[0]
    assert (
        "WEAT-adv minus TRADES, robust accuracy: +5.1 points (95% interval +4.9 to +5.3 over 3 seeds"
        in accuracy.sentences[1]
    )
    row = accuracy.blocks[1].rows[2]
    assert row[:3] == ["WEAT-adv", "90.0% ± 0.0", "57.1% ± 2.1"]
    assert row[3:5] == ["90.0%, 90.0%, 90.0%", "55.0%, 57.1%, 59.2%"]
    assert "PGD(20) in Linf at 0.2" in page.lead


def test_a_difference_within_the_spread_is_said_to_be_one() -> None:
    page = _page(_results(gain=0.0))
    assert "Over 3 seeds, no loss differs from TRADES beyond the spread of the seeds." in page.answer


def test_one_seed_decides_nothing() -> None:
    page = _page(_results(gain=0.3, seeds=(0,)), seeds=[0])
    assert "One seed says nothing of how far a difference to TRADES is chance." in page.answer
    assert page.key_figures[0].detail == "one seed; clean 90.0%"
    assert "the same 1 seed each" in page.lead
    assert len(page.key_figures) == 3
    assert render(page)


@pytest.mark.parametrize("recorded", [True, False])
def test_sections_are_there_where_something_was_recorded(recorded: bool) -> None:
    page = _page(_results(gain=0.05, recorded=recorded))
    inner = ["terms", "dynamics", "energies"] if recorded else []
    assert [section.anchor for section in page.sections] == ["accuracy", "course", *inner, "doubts", "run"]
    if recorded:
        by_anchor = {section.anchor: section for section in page.sections}
        assert len(panels_of([by_anchor["terms"]])) == 2  # SAT has no such terms
        assert "held to 1e-05 in every epoch" in by_anchor["terms"].sentences[1]
        assert by_anchor["dynamics"].title == "Energies while SAT trains, seed 0"
        table = by_anchor["energies"].blocks[0]
        assert [row[0] for row in table.rows] == ["SAT, epoch 15", "TRADES, epoch 15"]
        assert table.rows[0][3:7] == ["0.50", "4.50", "−1.00", "+3.00"]


def test_it_renders_with_every_panel() -> None:
    html = render(_page(_results(gain=0.05)))
    assert html.count("data:image/svg+xml") == 2 + 2 + 1 + 2 + (4 + 2) + 2
    assert "natural and attacked images forward twice as many" in html
