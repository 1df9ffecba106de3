"""The page of raters' answers: what people see in counterfactuals, whom to believe, what classifiers see there."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from advgen_ray.analysis.ratings import DIFFERENT, RatingTables
from advgen_ray.report import numbers, raters_tables
from advgen_ray.report.blocks import Block, Figure, KeyFigure, Section, full_configs
from advgen_ray.report.page import Page
from advgen_ray.report.plots_confusion import MAX_DRAWN_CLASSES, confusion_panel
from advgen_ray.report.plots_raters import least_seen, misread_panels, target_panel
from advgen_ray.report.raters_tables import told_share


@dataclass(frozen=True)
class MisreadPairs:
    """Counterfactuals in which most raters saw another class: rows of ``analysis.ratings.misread``, their pictures."""

    pairs: pd.DataFrame
    original: np.ndarray  # [N, C, H, W] in [0, 1]
    changed: np.ndarray


def raters_page(
    tables: RatingTables,
    misread: MisreadPairs,
    class_names: tuple[str, ...],
    configs: Mapping[str, Mapping[str, Any]],
    version: str,
) -> Page:
    """``configs``: that of the page that was rated under ``"page"``, that of the reading under ``"reading"``."""
    data_name, main = configs["page"]["data"]["name"], tables.everyone.iloc[-1]
    sections = [
        _seen_section(tables, class_names),
        *_misread_section(misread, class_names),
        _raters_section(tables, configs["reading"]["catch_threshold"]),
        *_classifiers_section(tables),
        Section("doubts", "What to keep in mind", _doubts(tables), []),
        Section("run", "What was run", [], [full_configs(configs.items())]),
    ]
    return Page(
        title=f"advgen_ray: what people see on {data_name}",
        heading="What do people see in counterfactuals?",
        data_name=data_name,
        version=version,
        answer=f"Where a counterfactual was made to be of another class, people see that class in "
        f"{numbers.percent(main['target'])} of the cases, the source's class in {numbers.percent(main['source'])}, "
        f"and find {numbers.percent(main['plausible'])} plausible.",
        lead=f"{numbers.counted(len(tables.counted), 'rater')}, "
        f"{numbers.counted(int(main['num_pairs']), 'such counterfactual')} of "
        f"{numbers.counted(int(main['num_sources']), 'source image')}, shown beside their source and without "
        "their target.",
        key_figures=_key_figures(tables, main),
        sections=sections,
    )


def _key_figures(tables: RatingTables, main: pd.Series) -> list[KeyFigure]:
    titles = {"target": "Target class seen", "source": "Source's class seen", "plausible": "Plausible"}
    found = [
        KeyFigure(
            title,
            numbers.percent(main[name]),
            "",
            f"{100 * main[f'{name}_low']:.1f} to {100 * main[f'{name}_high']:.1f} (95% interval)",
            "",
            None,
            "",
        )
        for name, title in titles.items()
    ]
    together = tables.reliability.drop_duplicates("question")
    for _, row in together[together["question"] == "class seen"].iterrows():
        detail = f"kappa of the class seen ({row['measure']}); {numbers.percent(row['agreement'])} equal"
        found.append(KeyFigure("Raters agree", numbers.decimal(row["kappa"]), "", detail, "", None, ""))
    if tables.consistency.count:
        detail = f"the same class again, of {numbers.count(tables.consistency.count)} repeats"
        value = numbers.percent(tables.consistency.value)
        found.append(KeyFigure("Raters agree with themselves", value, "", detail, "", None, ""))
    return found


def _seen_section(tables: RatingTables, class_names: tuple[str, ...]) -> Section:
    drawn = least_seen(tables.classes)
    panels = [target_panel(drawn, class_names)]
    if len(class_names) <= MAX_DRAWN_CLASSES:
        axes = ("class aimed at", "class seen")
        panels.append(confusion_panel("target-and-seen", tables.confusion, class_names, *axes, "judgements"))
    caption = (
        f"{numbers.count(int(tables.confusion.sum()))} judgements of different-class counterfactuals, bars with 95% "
        "intervals."
    )
    caption += " Matrix: counts, all sets together." if len(panels) > 1 else ""
    caption += " The classes seen least." if len(drawn) < len(tables.classes) else ""
    blocks: list[Block] = [
        raters_tables.set_table(tables),
        *([raters_tables.between_table(tables)] if len(tables.between) else []),
        Figure("Aimed at and seen", caption, panels, size="wide"),
        raters_tables.class_table(drawn, class_names),
    ]
    says = [
        f"{row['set']}: raters see the target in {told_share(row, 'target')} of the different-class counterfactuals "
        f"and find {told_share(row, 'plausible')} plausible."
        for _, row in tables.sets[tables.sets["made"] == DIFFERENT].iterrows()
    ]
    return Section("seen", "What people see", says, blocks)


def _misread_section(misread: MisreadPairs, class_names: tuple[str, ...]) -> list[Section]:
    if misread.pairs.empty:
        return []
    caption = (
        "Source, counterfactual and difference (stretched; grey is no change). Below: the source's class and the "
        "target, and the class that most raters saw instead."
    )
    panels = misread_panels(misread.pairs, misread.original, misread.changed, class_names)
    figure = Figure("Most raters saw another class", caption, panels, size="wide")
    says = ["The clearest misses, those first on which most raters agree that it is not the target."]
    return [Section("otherwise", "Where the target is not seen", says, [figure])]


def _raters_section(tables: RatingTables, threshold: float) -> Section:
    flagged = tables.raters.loc[tables.raters["flagged"], "rater"].tolist()
    says = []
    if flagged and len(flagged) < len(tables.raters):
        says.append(
            f"{', '.join(flagged)}: right on less than {numbers.percent(threshold, 0)} of the clean images, and hence "
            "left out of every figure but the first two tables here."
        )
    blocks: list[Block] = [raters_tables.everyone_table(tables), raters_tables.rater_table(tables, threshold)]
    if len(tables.counted) > 1:
        for _, row in tables.reliability.drop_duplicates("question").iterrows():
            says.append(
                f"{row['question'].capitalize()}: two raters' answers to one pair are equal in "
                f"{numbers.percent(row['agreement'])} of the cases, kappa {numbers.decimal(row['kappa'])} "
                f"({row['measure']}; {row['raters']})."
            )
        blocks.append(raters_tables.reliability_table(tables))
    return Section("raters", "The raters", says, blocks)


def _classifiers_section(tables: RatingTables) -> list[Section]:
    if tables.classifiers is None:
        return []
    models = tables.classifiers.iloc[1:].sort_values("with_people", ascending=False, kind="stable")
    best, worst = models.iloc[0], models.iloc[-1]
    says = [f"{best['who']} sees what people see in {told_share(best, 'with_people')} of the judgements."]
    if len(models) > 1:
        says[0] = f"{says[0][:-1]}, {worst['who']} in {told_share(worst, 'with_people')}."
    return [
        Section("classifiers", "People and classifiers", says, [raters_tables.classifier_table(tables.classifiers)])
    ]


def _doubts(tables: RatingTables) -> list[str]:
    found = [
        "Intervals are 95% Wilson intervals at the effective sample size, the images made of one source being one "
        "cluster. They speak of other counterfactuals of the same sets, not of other raters.",
        "Raters had to choose a class: where they see nothing they still name one, and only the second answer tells.",
    ]
    raters = tables.raters
    if len(tables.counted) == 1:
        found.append("One rater counts: nothing is known of how much another one would differ.")
    if bool(raters["flagged"].all()):
        found.append("No rater was right on enough of the clean images, so all of them count: look at the page first.")
    if not raters["num_catches"].iloc[0]:
        found.append("No clean image was shown: nothing is known of the raters' attention.")
    if not raters["num_repeats"].iloc[0]:
        found.append("No pair was shown twice: nothing is known of how far raters agree with themselves.")
    return found
