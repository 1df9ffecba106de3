"""The page of a comparison of losses: accuracies with their spread, paired differences, what happens in training."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from advgen_ray.analysis.over_seeds import PairedDifference
from advgen_ray.report import numbers
from advgen_ray.report.blocks import Block, Figure, KeyFigure, Section, Table, full_config
from advgen_ray.report.compared import (
    LOSS_NAMES,
    attack_words,
    difference_table,
    doubts,
    told,
    told_interval,
    with_spread,
)
from advgen_ray.report.loss_sections import course_section, energy_sections, terms_section
from advgen_ray.report.page import Page
from advgen_ray.report.plots_seeds import difference_panel, seeds_panel

QUANTITIES = {"clean_accuracy": "clean accuracy", "pgd_accuracy": "robust accuracy"}
MEASURED = ("pgd_accuracy", "clean_accuracy")
COLUMNS = ["Loss", "clean", "robust", "clean, seed by seed", "robust, seed by seed", "training"]


@dataclass(frozen=True)
class LossResults:
    """What the page shows; losses go by their label."""

    trainings: pd.DataFrame  # one row a model: loss, seed, clean_accuracy, pgd_accuracy, seconds, best_epoch
    spread: pd.DataFrame  # of these over seeds
    differences: Mapping[str, Sequence[PairedDifference]]  # to the reference, by quantity
    histories: Mapping[str, Sequence[Mapping[str, Any]]]  # means over seeds, by loss
    identity_error: float | None
    energies: Mapping[str, pd.DataFrame]  # recorded during training, by loss; with seed
    class_names: Sequence[str]


def loss_page(results: LossResults, config: Mapping[str, Any], version: str) -> Page:
    """``config`` is the comparison's."""
    training, names = config["training"], _names(results)
    data_name, attack = training["data"]["name"], attack_words(training["evaluation_attack"])
    best = results.spread.sort_values("pgd_accuracy_mean", ascending=False, kind="stable").iloc[0]
    histories = {names[label]: history for label, history in results.histories.items()}
    sections = [_accuracy_section(results, config, attack), course_section(histories)]
    if results.identity_error is not None:
        sections.append(terms_section(histories, results.identity_error))
    if results.energies:
        named = {names[label]: rows for label, rows in results.energies.items()}
        sections += energy_sections(named, results.class_names)
    num_intervals = sum(len(some) for some in results.differences.values())
    settings = full_config("comparison", config)
    sections += [
        Section("doubts", "What to keep in mind", [*doubts(len(config["seeds"]), num_intervals, attack), _cost()], []),
        Section("run", "What was run", [], [settings]),
    ]
    return Page(
        title=f"advgen_ray: losses on {data_name}",
        heading="Which loss makes a classifier robust?",
        data_name=data_name,
        version=version,
        answer=f"The highest mean robust accuracy is {names[best['loss']]}'s, "
        f"{with_spread(best['pgd_accuracy_mean'], best['pgd_accuracy_std'])}. {_decided(results, config, names)}",
        lead=f"{numbers.counted(len(names), 'loss', 'losses')} on one budget of "
        f"{numbers.counted(training['num_epochs'], 'epoch')}, the same {numbers.counted(len(config['seeds']), 'seed')} "
        f"each; trained against {attack_words(training['attack'])}, measured under {attack}.",
        key_figures=_key_figures(results, config, names),
        sections=sections,
    )


def _key_figures(results: LossResults, config: Mapping[str, Any], names: Mapping[str, str]) -> list[KeyFigure]:
    """The reference, the best other loss, their difference, and how many differ beyond the spread of several seeds."""
    rows = {row["loss"]: row for _, row in results.spread.iterrows()}
    reference = config["reference"]
    differences = results.differences["pgd_accuracy"]
    best = max(differences, key=lambda one: one.mean)
    figures = []
    for label in (reference, best.one):
        robust, clean = (with_spread(rows[label][f"{key}_mean"], rows[label][f"{key}_std"]) for key in MEASURED)
        value, _, spread = robust.partition(" ")
        detail = f"{spread} over {best.num_seeds} seeds" if spread else "one seed"
        figures.append(KeyFigure(f"{names[label]}, robust", value, "", f"{detail}; clean {clean}", "", None, ""))
    title = f"{names[best.one]} minus {names[reference]}"
    figures.append(KeyFigure(title, numbers.signed_points(best.mean), "points", told_interval(best), "", None, ""))
    if best.num_seeds > 1:
        title = f"Losses that differ from {names[reference]}"
        value = f"{sum(one.decided for one in differences)} of {len(differences)}"
        detail = "in robust accuracy, beyond the spread of the seeds"
        figures.append(KeyFigure(title, value, "", detail, "", None, ""))
    return figures


def _accuracy_section(results: LossResults, config: Mapping[str, Any], attack: str) -> Section:
    names, training = _names(results), config["training"]
    reference, num_test = names[config["reference"]], training["num_evaluation_images"]
    images = "all test images" if num_test is None else f"{numbers.count(num_test)} test images"
    chosen = (
        f"the model of highest PGD accuracy on {numbers.count(training['num_validation_images'])} held-out images"
        if training["num_validation_images"]
        else "the model of the last epoch"
    )
    labels = [names[one.one] for one in results.differences["pgd_accuracy"]]
    says = [
        f"{names[one.one]} minus {reference}, robust accuracy: {told(one)}."
        for one in results.differences["pgd_accuracy"]
    ]
    blocks: list[Block] = [
        Figure(
            "Accuracy, every seed a point",
            f"On {images}, robust under {attack}. Black: mean and standard deviation. Of each training, {chosen}.",
            [seeds_panel(results.trainings, "loss", key, title, names) for key, title in QUANTITIES.items()],
            size="wide",
        ),
        Table(
            "Every loss",
            f"Mean and standard deviation over seeds on {images}; robust: under {attack}. Training: mean seconds of a "
            "model, on whatever machine it was.",
            [*COLUMNS, *(["best epoch"] if training["num_validation_images"] else [])],
            [_row(results, names, row) for _, row in results.spread.iterrows()],
        ),
        Figure(
            f"Differences to {reference}, paired by seed",
            "Two models of one seed begin at the same weights and see the same images in the same order. Black: mean "
            "and 95% interval of Student's t.",
            [
                difference_panel(results.differences[key], f"{title} minus {reference}'s", labels)
                for key, title in QUANTITIES.items()
            ],
            size="wide",
        ),
        difference_table(
            f"Every difference to {reference}",
            "In percentage points.",
            [
                (f"{names[one.one]}, {QUANTITIES[key].removesuffix(' accuracy')}", one)
                for key, some in results.differences.items()
                for one in some
            ],
        ),
    ]
    return Section("accuracy", "Clean and robust accuracy", says, blocks)


def _row(results: LossResults, names: Mapping[str, str], row: pd.Series) -> list[str]:
    models = results.trainings[results.trainings["loss"] == row["loss"]]
    epoch = row["best_epoch_mean"]
    return [
        names[row["loss"]],
        *(with_spread(row[f"{key}_mean"], row[f"{key}_std"]) for key in QUANTITIES),
        *(", ".join(numbers.percent(value) for value in models[key]) for key in QUANTITIES),
        numbers.duration(row["seconds_mean"]),
        *([] if math.isnan(epoch) else [numbers.decimal(epoch, 1)]),
    ]


def _decided(results: LossResults, config: Mapping[str, Any], names: Mapping[str, str]) -> str:
    """Which losses differ from the reference beyond the spread of seeds, in one sentence."""
    reference = names[config["reference"]]
    if len(config["seeds"]) < 2:
        return f"One seed says nothing of how far a difference to {reference} is chance."
    decided = [
        f"{names[one.one]} ({numbers.signed_points(one.mean)} points)"
        for one in results.differences["pgd_accuracy"]
        if one.decided
    ]
    if not decided:
        return f"Over {len(config['seeds'])} seeds, no loss differs from {reference} beyond the spread of the seeds."
    return f"Beyond the spread of {len(config['seeds'])} seeds, these differ from {reference}: {', '.join(decided)}."


def _names(results: LossResults) -> dict[str, str]:
    """The papers' names; a label that the config gave stays."""
    return {label: LOSS_NAMES.get(label, label) for label in results.spread["loss"]}


def _cost() -> str:
    return (
        "The budget is one of epochs: losses on pairs of natural and attacked images forward twice as many a step as "
        "SAT, so that equal epochs are not equal time."
    )
