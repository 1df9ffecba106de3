"""The page of raters' answers: its words are the tables' numbers, and what was not asked is left out."""

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from advgen_ray.analysis.rating_plan import CATCH, COUNTERFACTUAL
from advgen_ray.analysis.ratings import RatingTables, analyze_ratings, misread
from advgen_ray.report import numbers
from advgen_ray.report.blocks import Figure, Table
from advgen_ray.report.page import Page, panels_of, render
from advgen_ray.report.plots_confusion import MAX_DRAWN_CLASSES
from advgen_ray.report.plots_raters import least_seen, target_panel
from advgen_ray.report.raters_page import MisreadPairs, raters_page
from tests.report.painted import legend_of, painted

CONFIGS: dict[str, Any] = {"page": {"data": {"name": "digits"}, "seed": 7}, "reading": {"catch_threshold": 0.8}}


def _judgements(raters: dict[str, float], num_classes: int = 4, catches: bool = True) -> pd.DataFrame:
    """Raters who see the target with the given probability, of 60 pairs and 10 clean images."""
    rng = np.random.default_rng(0)
    trials = pd.DataFrame({"trial": range(80 if catches else 60)})
    trials["kind"] = np.where(trials["trial"] < 60, COUNTERFACTUAL, CATCH)
    trials.loc[trials["trial"] >= 70, "kind"] = COUNTERFACTUAL
    trials["repeat"] = trials["trial"] >= 70
    trials["pair"] = [f"p{i - 70 if i >= 70 else i}" for i in trials["trial"]]
    trials["set"] = np.where(trials["trial"] % 2 == 0, "near", "far")
    trials["source_id"] = [f"s{int(pair[1:]) % 20}" for pair in trials["pair"]]
    trials["source_label"] = [int(source[1:]) % num_classes for source in trials["source_id"]]
    trials["y_target"] = [int(pair[1:]) % (num_classes - 1) for pair in trials["pair"]]
    trials.loc[trials["kind"] == CATCH, "y_target"] = trials["source_label"]
    trials["item_id"] = trials["pair"]
    said = []
    for rater, attention in raters.items():
        hit = rng.random(len(trials)) < attention
        seen = np.where(hit, trials["y_target"], num_classes - 1)
        said.append(trials.assign(rater=rater, seen=seen, plausible=rng.random(len(trials)) < 0.7, milliseconds=1500))
    return pd.concat(said, ignore_index=True)


def _analyzed(raters: dict[str, float], num_classes: int = 4, **more: Any) -> RatingTables:
    return analyze_ratings(_judgements(raters, num_classes, **more), num_classes, 0.8)


def _page(tables: RatingTables, num_classes: int = 4) -> Page:
    pairs = misread(tables.judgements, 12)
    pictures = np.random.default_rng(0).random((2, len(pairs), 1, 8, 8), dtype=np.float32)
    names = tuple(f"class <{index}>" for index in range(num_classes))
    return raters_page(tables, MisreadPairs(pairs, *pictures), names, CONFIGS, "9.9")


@pytest.fixture(scope="module")
def tables() -> RatingTables:
    return _analyzed({"ada": 0.95, "bob": 0.9, "cyd <b>": 0.1})


def _blocks(page: Page) -> dict[str, Any]:
    return {block.title: block for section in page.sections for block in section.blocks}


def test_words_and_figures_are_those_of_the_tables(tables: RatingTables) -> None:
    page = _page(tables)
    main = tables.everyone.iloc[-1]
    assert [key.title for key in page.key_figures] == [
        "Target class seen", "Source's class seen", "Plausible", "Raters agree", "Raters agree with themselves",
    ]  # fmt: skip
    assert page.key_figures[0].value == numbers.percent(main["target"])
    assert f"people see that class in {numbers.percent(main['target'])} of the cases" in page.answer
    assert page.lead.startswith(f"2 raters, {int(main['num_pairs'])} such counterfactuals of ")
    raters = _blocks(page)["Every rater"]
    assert [row[0] for row in raters.rows] == ["ada", "bob", "cyd <b> (flagged)"]
    assert raters.rows[0][4].endswith(" of 10")
    (told,) = [s for s in page.sections if s.anchor == "raters"]
    assert told.sentences[0].startswith("cyd <b>: right on less than 80% of the clean images")
    assert len(_blocks(page)["With and without"].rows) == 2
    sets = _blocks(page)["By set"]
    assert {row[0] for row in sets.rows} == {
        f"{name}, {made}" for name in ("far", "near") for made in ("another class", "the source's class")
    }
    assert _blocks(page)["Set against set"].rows[0][0] == "near against far"


def test_the_page_renders_and_escapes(tables: RatingTables) -> None:
    page = _page(tables)
    html = render(page)
    assert "cyd &lt;b&gt; (flagged)" in html
    assert "class &lt;0&gt;" in html
    assert "seed: 7" in html
    names = [panel.name for panel in panels_of(page.sections)]
    assert names[:2] == ["target-seen-by-class", "target-and-seen"]
    assert all(panel.svg.startswith(b"<?xml") and panel.alt for panel in panels_of(page.sections))


def test_bars_are_the_rates_with_a_color_a_set(tables: RatingTables) -> None:
    (axes,) = painted(target_panel(tables.classes, ["0", "1", "2", "3"]))
    assert legend_of(axes) == ["far", "near"]
    drawn = sorted(bar.get_height() for bar in axes.patches if bar.get_width() > 0)
    assert drawn == pytest.approx(sorted(tables.classes["target"]))
    assert [tick.get_text() for tick in axes.get_xticklabels()] == ["0", "1", "2"], "3 is nobody's target"


def test_of_many_classes_those_seen_least_are_drawn() -> None:
    many = _analyzed({"ada": 0.7}, num_classes=30)
    drawn = least_seen(many.classes)
    assert drawn["y_target"].nunique() == MAX_DRAWN_CLASSES < many.classes["y_target"].nunique()
    left_out = many.classes[~many.classes["y_target"].isin(drawn["y_target"])]
    assert drawn.groupby("y_target")["target"].mean().max() <= left_out.groupby("y_target")["target"].mean().min()
    page = _page(many, num_classes=30)
    figure = _blocks(page)["Aimed at and seen"]
    assert isinstance(figure, Figure)
    assert len(figure.panels) == 1, "no matrix of 30 classes"
    assert figure.caption.endswith("The classes seen least.")
    render(page)


def test_what_is_not_known_is_left_out_or_said() -> None:
    alone = _page(_analyzed({"ada": 1.0}, catches=False))
    assert [key.title for key in alone.key_figures] == ["Target class seen", "Source's class seen", "Plausible"]
    assert "Rater by rater" not in _blocks(alone)
    assert "otherwise" not in [section.anchor for section in alone.sections], "nothing was misread"
    assert "classifiers" not in [section.anchor for section in alone.sections]
    assert alone.lead.startswith("1 rater, ")
    doubts = next(section.sentences for section in alone.sections if section.anchor == "doubts")
    assert any("One rater counts" in doubt for doubt in doubts)
    assert any("No clean image was shown" in doubt for doubt in doubts)
    assert any("No pair was shown twice" in doubt for doubt in doubts)
    render(alone)
    all_flagged = _page(_analyzed({"cyd": 0.1, "dan": 0.1}))
    doubts = next(section.sentences for section in all_flagged.sections if section.anchor == "doubts")
    assert any("No rater was right on enough" in doubt for doubt in doubts)


def test_classifiers_are_ranked_by_what_they_share_with_people(tables: RatingTables) -> None:
    columns = ["target", "source", "with_people"]
    rows = [
        {"who": who} | {f"{c}{end}": value for c in columns for end in ("", "_low", "_high")}
        for who, value in (("people", 0.9), ("standard", 0.8), ("robust", 0.4))
    ]
    page = _page(replace(tables, classifiers=pd.DataFrame(rows)))
    (section,) = [one for one in page.sections if one.anchor == "classifiers"]
    assert section.sentences == [
        "standard sees what people see in 80.0% (80.0 to 80.0) of the judgements, robust in 40.0% (40.0 to 40.0)."
    ]
    table = section.blocks[0]
    assert isinstance(table, Table)
    assert [row[0] for row in table.rows] == ["people", "standard", "robust"]
