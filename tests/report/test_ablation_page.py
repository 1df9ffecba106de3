"""The page of an ablation: it finds the rules of an invented one, and turns with the numbers."""

import re

import pandas as pd
import pytest

from advgen_ray.analysis.ce_ablation import Change, Effect, with_front
from advgen_ray.report.ablation_page import ablation_page
from advgen_ray.report.ablation_sections import effect_words
from advgen_ray.report.blocks import Table
from advgen_ray.report.page import Page, panels_of, render
from tests.report.ablated import BASE, CONFIG, KIND, PAPER, SIGMA, STEPS, W, trial, trials


def _page(table: pd.DataFrame) -> Page:
    return ablation_page(table, BASE, CONFIG, "1")


def _tables(page: Page) -> dict[str, Table]:
    return {block.title: block for section in page.sections for block in section.blocks if isinstance(block, Table)}


def test_the_nearest_that_convinces_comes_first_beside_the_recipe_and_the_paper() -> None:
    page = _page(trials())
    assert page.answer == (
        "At a validity of 95% or more the nearest counterfactuals come from Gaussian, sigma_CE 0.1, w 15, steps 40: "
        "mean L2 2.40, beside 1.50 at the recipe's setting (valid 85.8%) and 2.70 at the paper's w and sigma_CE (valid "
        "100.0%)."
    )
    assert [(key.title, key.value, key.unit) for key in page.key_figures] == [
        ("Nearest at 95% validity or more", "2.40", "L2"),
        ("Sparsest at 95% validity or more", "55.0%", "L0"),
        ("The recipe's setting", "1.50", "L2"),
        ("The paper's w and sigma_CE", "2.70", "L2"),
        ("On the front", "13 of 15", "trials"),
    ]


def test_each_setting_says_what_it_does() -> None:
    sections = {section.anchor: section for section in _page(trials()).sections}
    assert list(sections) == [
        "front", "settings", "neighborhood", "sigma-ce", "guidance-scale", "num-steps", "trials", "doubts", "run",
    ]  # fmt: skip
    assert sections["neighborhood"].sentences[0] == (
        "Gaussian in place of Boltzmann, all else equal (6 pairs of trials): validity is the same to the "
        "digits shown; mean L2 falls in 6 of 6, −0.20 on average (−0.20 to −0.20); mean L0 rises in 6 of 6, "
        "+5.0 points on average (+5.0 to +5.0)."
    )
    assert "mean L2 rises in 6 of 6, +0.10 on average" in sections["sigma-ce"].sentences[0]
    assert (
        sections["guidance-scale"].sentences[0].startswith("w: from 1 to 15, all else equal (4 pairs of trials): val")
    )
    assert "mean L0 rises in 4 of 4, +14.0 points on average" in sections["guidance-scale"].sentences[0]
    assert "(1 pair of trials): validity is the same to the digits shown; mean" in sections["num-steps"].sentences[0]
    assert "by 0.0" not in sections["num-steps"].sentences[0]
    assert "At sigma_CE 0.1, steps 40; 900 different-class" in sections["guidance-scale"].blocks[0].caption


def test_a_marked_setting_is_on_the_front_or_told_who_is_better() -> None:
    said = _page(trials()).sections[0].sentences
    assert said[0].startswith("13 of 15 trials are on the front")
    assert said[0].endswith("4 of them reach a validity of 95%. By neighborhood: 6 of 6 Gaussian, 7 of 9 Boltzmann.")
    assert said[1].endswith("validity 85.8% (83.8 to 87.8), mean L2 1.50, mean L0 44.0%; on the front.")
    better = trial("better", **{SIGMA: 0.15}) | {"validity": 1.0, "l2_mean": 1.2, "l0_mean": 0.4}
    beaten = _page(trials(better)).sections[0].sentences
    assert beaten[1].endswith(
        "; 1 other is at least as good in all three, the nearest of them Boltzmann, sigma_CE 0.15, w 4, steps 40 "
        "(100.0%, 1.20, 40.0%)."
    )


def test_where_recipe_and_paper_are_one_it_is_told_once() -> None:
    table = trials()
    table["base"] = table["paper"]
    page = ablation_page(table, PAPER, CONFIG, "1")
    titles = [key.title for key in page.key_figures]
    assert "The recipe's setting" in titles
    assert "The paper's w and sigma_CE" not in titles
    panels = {panel.name: panel for panel in panels_of(page.sections)}
    assert "recipe and paper" not in panels["front-l2-by-guidance-scale"].alt


def test_a_validity_that_nothing_reaches_is_not_asked_for() -> None:
    table = trials()
    low = with_front(table.assign(validity=table["validity"] - 0.1))
    assert _page(low).answer.startswith("At a validity of 90% or more")
    assert _page(low.assign(validity=0.1)).answer.startswith("At a validity of 0% or more")
    rows = _tables(_page(low))["Nearest counterfactuals at 90% validity or more"].rows
    assert [row[0] for row in rows] == ["Gaussian", "Boltzmann"]
    half = with_front(table.assign(validity=table["validity"].where(table[KIND] != "gaussian", 0.2)))
    rows = _tables(_page(half))["Nearest counterfactuals at 95% validity or more"].rows
    assert rows[0] == ["Gaussian", "n/a", "n/a", "n/a", "n/a", "6"]


def test_every_trial_is_in_both_tables_those_on_the_front_first() -> None:
    table = trials()
    tables = _tables(_page(table))
    rows, distances = tables["Every trial"].rows, tables["Their distances"].rows
    assert len(rows) == len(distances) == len(table)
    assert [row[4] for row in rows] == ["yes"] * 13 + [""] * 2
    assert {row[-1] for row in rows} == {"", "recipe", "paper"}
    assert [row[-1] for row in distances[:2]] == table[table["on_front"]].sort_values(
        "validity", ascending=False, kind="stable"
    )["trial"].tolist()[:2]
    assert "2.70 ± 0.02" in next(row for row in rows if row[-1] == "paper")
    assert all(len(row) == len(tables["Every trial"].columns) for row in rows)
    assert "1.50 (1.40, 1.51, 1.60)" in {row[4] for row in distances}


def test_proposals_that_share_nothing_are_told_by_rank() -> None:
    drawn = [
        trial(f"o{i}", **{SIGMA: 0.1 + 0.013 * i, W: 8.0 - 0.7 * i, KIND: ("boltzmann_exact", "bounded")[i % 2]})
        for i in range(8)
    ]
    page = _page(with_front(pd.DataFrame(drawn)))
    sections = {section.anchor: section for section in page.sections}
    assert sections["sigma-ce"].sentences == [
        "No two trials differ in sigma_CE alone; its rank correlation over 8 trials: validity −1.00, mean L2 −1.00, "
        "mean L0 −1.00."
    ]
    assert "validity +1.00" in sections["guidance-scale"].sentences[0]
    assert "num-steps" not in sections, "it does not vary"
    assert sections["guidance-scale"].blocks[0].caption == "All 8 trials, whatever their other settings."
    assert "recipe" not in page.answer


def test_trials_that_failed_are_told_and_not_shown() -> None:
    failed = trial("failed", **{SIGMA: 0.3}) | {
        "status": "failed",
        "mistake": "the loss is nan",
        "validity": float("nan"),
    }
    page = _page(trials(failed))
    assert page.lead.startswith("15 settings, a grid")
    assert {section.anchor: section.sentences for section in page.sections}["trials"] == [
        "15 trials came to their end, 0 were stopped early.", "1 failed; it says: the loss is nan.",
    ]  # fmt: skip
    assert len(_tables(page)["Every trial"].rows) == 15


def test_the_page_says_what_was_proposed_for() -> None:
    lead = ablation_page(trials(), BASE, CONFIG | {"proposals": "optuna"}, "1").lead
    assert "proposed by Optuna for validity, mean L2, mean L0 at once" in lead


@pytest.mark.parametrize("few", [1, 2])
def test_one_or_two_trials_are_a_page_too(few: int) -> None:
    page = _page(with_front(trials().iloc[:few]))
    html = render(page)
    assert page.lead.startswith(("1 setting, ", "2 settings, ")[few - 1])
    assert page.sections[0].sentences[0].startswith(("1 of 1 trial is on", "2 of 2 trials are on")[few - 1])
    assert "The front" in html
    assert "nan" not in re.sub(r"data:[^\"]+", "", html).lower()


def test_the_page_is_whole_and_escaped() -> None:
    page = _page(trials().assign(trial="<b>"))
    names = [panel.name for panel in panels_of(page.sections)]
    assert len(names) == len(set(names)) == 4 + 1 + 3 * 3
    html = render(page)
    assert "<b>" not in html
    assert "guidance_scale" in html
    assert "https://" not in html.split("</style>")[1].replace("http://www.w3.org", "")
    assert all(column in html for column in ("sigma_CE", "steps", "evaluations"))
    assert STEPS not in html.split("<details>")[0]


def test_what_changes_either_way_and_is_zero_on_average_neither_rises_nor_falls() -> None:
    change = Change(mean=0.0001, low=-0.2, high=0.2, num_up=2, num_down=2)
    effect = Effect("guidance_scale", 1.0, 4.0, 4, {"l2_mean": change})
    assert "mean L2 rises in 2 and falls in 2 of 4, 0.00 on average (−0.20 to +0.20)." in effect_words(effect)
