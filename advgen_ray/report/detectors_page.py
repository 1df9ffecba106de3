"""The page of a comparison of detectors: S003 table 1 on one's own classifier, and what its figures hide."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import pandas as pd

from advgen_ray.analysis.detector_comparison import energy_separation
from advgen_ray.analysis.detector_scores import Comparison, DetectorInputs
from advgen_ray.analysis.published_detection import ON_CIFAR10, S003_TABLE_1, PublishedRates
from advgen_ray.report import numbers
from advgen_ray.report.blocks import Block, Figure, KeyFigure, Section, Table, full_config
from advgen_ray.report.page import Page
from advgen_ray.report.plots_detector_roc import detector_roc_panels
from advgen_ray.report.plots_detectors import detector_panel
from advgen_ray.report.plots_energy_attacks import attack_panels

COLUMNS = ["Detector, attack", "found (95% interval)", "false positives", "noise flagged", "area under ROC", "n"]
WHAT_THEY_ARE = {
    "Energy": "Energy is −E(x) with a threshold and nothing else",
    "KD+BU": "KD+BU is a logistic regression of density and dropout uncertainty",
    "KD": "KD is a logistic regression of the density alone",
    "LID": "LID is a logistic regression of the local intrinsic dimension of every layer",
}
REMARK = "* The paper prints 1.62, which in its notebook is the share of attacks that are missed."


@dataclass(frozen=True)
class DetectorResults:
    """What the page shows: the inputs, and the comparison of all attacked images, of fooling ones, of one attack."""

    inputs: DetectorInputs
    everything: Comparison
    fooled: Comparison
    unprepared: Comparison | None  # every detector fitted on the first attack; None where there is only one
    warnings: list[str]


def detectors_page(results: DetectorResults, config: Mapping[str, Any], version: str) -> Page:
    """``config`` is the comparison's."""
    table, data_name = results.everything.table, config["data"]["name"]
    first = table["attack"].iloc[0]
    of_first = table[table["attack"] == first]
    natural = results.inputs.natural
    settings = full_config("comparison", config)
    sections = [
        _rates_section(results, first),
        _energy_section(results),
        Section("detectors-otherwise", "Detectors, counted otherwise", [], _other_tables(results, first)),
        Section("detectors-doubts", "Detectors: what to keep in mind", results.warnings or ["Nothing to warn of."], []),
        Section("run", "What was run", [], [settings]),
    ]
    told = ", ".join(
        f"{row['detector']} finds {numbers.percent(row['detection_rate'])} at "
        f"{numbers.percent(row['false_positive_rate'])} false alarms"
        for _, row in of_first.iterrows()
    )
    accuracies = ", ".join(
        f"{numbers.percent(images['correct'].mean())} under {attack}"
        for attack, images in results.inputs.attacked.items()
    )
    return Page(
        title=f"advgen_ray: detectors on {data_name}",
        heading="Which detector finds the attack?",
        data_name=data_name,
        version=version,
        answer=f"On {first}, {told}.",
        lead=f"The classifier is right on {numbers.percent(natural['correct'].mean())} of "
        f"{numbers.count(len(natural))} natural images, on {accuracies}.",
        key_figures=[_key_figure(row) for _, row in of_first.iterrows()],
        sections=sections,
    )


def _rates_section(results: DetectorResults, first: str) -> Section:
    table = results.everything.table
    blocks: list[Block] = [
        Figure(
            "What each detector finds",
            f"{_counted(table)} Bars: whiskers are 95% binomial intervals, black lines the natural images flagged. "
            "Curves: every threshold, the chosen one marked, areas in the legend.",
            [detector_panel(table), *detector_roc_panels(results.everything)],
            size="wide",
        ),
        _table(
            "Every detector on every attack",
            f"{_counted(table)} The threshold has the largest G-mean on the validation half; the trained detectors are "
            "fitted there too, each on the attack it then meets. Noise flagged: share of images with random noise as "
            f"large as the attack's that is taken for an attack. {REMARK}",
            table,
            published=True,
        ),
    ]
    of_first = table[table["attack"] == first]
    says = [
        f"{'; '.join(WHAT_THEY_ARE[detector] for detector in of_first['detector'])}.",
        f"By the area under the curve {separating(of_first)} ({numbers.decimal(of_first['auroc'].max())}). "
        "Beadini and Masi ran the energy detector and quoted the other two; here all see the same images.",
    ]
    if results.inputs.noisy:
        flagged = ", ".join(
            f"{numbers.percent(row['noisy_positive_rate'])} by {row['detector']}" for _, row in of_first.iterrows()
        )
        says.append(f"Of images with mere random noise as large as that of {first}, {flagged} is taken for an attack.")
    return Section("detectors", "Detectors side by side", says, blocks)


def separating(table: pd.DataFrame) -> str:
    """Which detectors of one attack separate it best; those whose areas are written alike do so together."""
    attack, areas = table["attack"].iloc[0], table["auroc"]
    best = table.loc[areas.map(numbers.decimal) == numbers.decimal(areas.max()), "detector"]
    verb = "separates" if len(best) == 1 else "separate"
    return f"{' and '.join(best)} {verb} {attack}{' best' if len(best) < len(table) else ''}"


def _energy_section(results: DetectorResults) -> Section:
    natural, attacked = results.inputs.natural, results.inputs.attacked
    separation = energy_separation(natural, attacked)
    says = [
        f"{row['attack']} moves the mean of E(x) by {numbers.signed(row['shift_energy_x'])} and fools the classifier "
        f"on {numbers.percent(row['fooled'])} of the images."
        for _, row in separation.iterrows()
    ]
    aurocs = dict(zip(separation["attack"], separation["auroc_energy_x"], strict=True))
    panels = attack_panels(natural["energy_x"], {name: one["energy_x"] for name, one in attacked.items()}, aurocs)
    caption = f"{numbers.count(len(natural))} test images, both halves, natural and attacked."
    panels = [replace(one, name=f"detectors-{one.name}") for one in panels]
    figure = Figure("E(x), natural against attacked", caption, panels)
    return Section("detectors-energy", "What the energy detector sees", says, [figure])


def _other_tables(results: DetectorResults, first: str) -> list[Block]:
    fooled = results.fooled.table
    caption = (
        "Only images that the classifier gets right, and of the attacked ones only those that it then gets wrong, as "
        "Feinman et al. and Ma et al. count; fitted and measured on these."
    )
    blocks: list[Block] = []
    if len(fooled):
        blocks.append(_table("Attacks that succeed", caption, fooled))
    if results.unprepared is not None:
        blocks.append(
            _table(
                "Attacks that were not expected",
                f"Every detector fitted on {first} and its threshold chosen there, whatever it then meets.",
                results.unprepared.table,
            )
        )
    return blocks


def _table(title: str, caption: str, table: pd.DataFrame, *, published: bool = False) -> Table:
    rows = [
        [
            f"{row['detector']}, {row['attack']}",
            numbers.with_interval(row["detection_rate"], row["detection_low"], row["detection_high"]),
            numbers.percent(row["false_positive_rate"]),
            numbers.percent(row["noisy_positive_rate"]),
            numbers.decimal(row["auroc"]),
            numbers.count(int(row["num_test"])),
        ]
        for _, row in table.iterrows()
    ]
    context = [_published(one) for one in S003_TABLE_1] if published else []
    return Table(title, caption, COLUMNS, rows, context, "Beadini and Masi, table 1")


def _published(one: PublishedRates) -> list[str]:
    rate = numbers.percent(one.detection_rate, 2)
    alarms = numbers.percent(one.false_positive_rate, 2) + ("*" if one.misprinted else "")
    return [f"{one.detector}, {one.attack}, {one.data}", rate, alarms, "", "", ""]


def _key_figure(row: pd.Series) -> KeyFigure:
    published = ON_CIFAR10.get(row["detector"])
    beside = ""
    if published:
        quoted = ", quoted there from Aldahdooh et al. 2022" if published.quoted else ""
        beside = (
            f"{numbers.percent(published.detection_rate)} at {numbers.percent(published.false_positive_rate)}, "
            f"CIFAR-10, {published.attack} (Beadini and Masi, table 1{quoted})"
        )
    detail = f"of {row['attack']} at {numbers.percent(row['false_positive_rate'])} false positives"
    return KeyFigure(row["detector"], numbers.percent(row["detection_rate"]), "", detail, "", None, beside)


def _counted(table: pd.DataFrame) -> str:
    fitted, measured = (numbers.count(int(table[key].max())) for key in ("num_validation", "num_test"))
    return f"Chosen on {fitted} images, measured on {measured} others, each natural and attacked."
