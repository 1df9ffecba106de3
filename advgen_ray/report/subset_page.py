"""The page of the trainings without four sets of images: tables A and B, figure F, and whether S001's finding holds."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from advgen_ray.analysis.over_seeds import PairedDifference
from advgen_ray.analysis.training_subsets import TrainingSubsets
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
from advgen_ray.report.page import Page
from advgen_ray.report.plots_dynamics import error_rate_panel
from advgen_ray.report.plots_seeds import difference_panel
from advgen_ray.report.subset_images import WITHOUT, images_section

OTHERS = {"C": "random correct images", "L": "images of low energy"}
ERRORS = {"adversarial_error": "robust error", "clean_error": "clean error"}


@dataclass(frozen=True)
class SubsetResults:
    """What the page shows; ``full`` is the training on all images."""

    training: pd.DataFrame  # item_id, energy_x, correct of the images that the first model was trained on
    subsets: TrainingSubsets
    strata: pd.DataFrame
    composition: pd.DataFrame
    trainings: pd.DataFrame  # one row a model: subset, seed, clean_error, adversarial_error
    error_rates: pd.DataFrame
    contrasts: Mapping[str, Sequence[PairedDifference]]  # by the kind of error
    base_metrics: Mapping[str, float]

    def contrast(self, one: str, other: str, error: str = "adversarial_error") -> PairedDifference:
        """One of them."""
        return next(c for c in self.contrasts[error] if (c.one, c.other) == (one, other))


def subset_page(results: SubsetResults, config: Mapping[str, Any], version: str) -> Page:
    """``config`` is the comparison's."""
    training, sizes = config["training"], {k: len(ids) for k, ids in results.subsets.left_out.items()}
    data_name, attack = training["data"]["name"], attack_words(training["evaluation_attack"])
    high, incorrect = results.contrast("H", "full"), results.contrast("I", "full")
    settings = full_config("comparison", config)
    count = numbers.count(len(results.training))
    images = images_section(
        results.training,
        results.subsets,
        results.strata,
        results.composition,
        results.base_metrics,
        config["energy_share"],
    )
    return Page(
        title=f"advgen_ray: left-out images on {data_name}",
        heading="Which training images does robustness rest on?",
        data_name=data_name,
        version=version,
        answer=f"Trained without the {numbers.count(sizes['H'])} correct images of highest energy, a classifier's "
        f"robust error changes by {numbers.signed_points(high.mean)} points; without the {numbers.count(sizes['I'])} "
        f"incorrect ones, by {numbers.signed_points(incorrect.mean)}. {_verdict(results)}",
        lead=f"{LOSS_NAMES[training['loss']]}, {numbers.counted(training['num_epochs'], 'epoch')} against "
        f"{attack_words(training['attack'])}; errors under {attack}; "
        f"{numbers.counted(len(config['seeds']), 'seed')} of each training; a "
        f"model of another seed chose the images among its {count}.",
        key_figures=[_key_figure(results, "H", "full"), _key_figure(results, "I", "full"),
                     _key_figure(results, "H", "I"), _key_figure(results, "C", "full"),
                     _key_figure(results, "L", "full")],
        sections=[
            _errors_section(results, attack),
            images,
            Section("doubts", "What to keep in mind", _doubts(results, config, attack), []),
            Section("run", "What was run", [], [settings]),
        ],
    )  # fmt: skip


def _errors_section(results: SubsetResults, attack: str) -> Section:
    says = [
        f"{_name(one)}, robust error: {told(results.contrast(*one))}."
        for one in (("H", "full"), ("I", "full"), ("H", "I"), ("I", "C"), ("H", "L"))
    ]
    says += [
        f"{_name(one)}, clean error: {told(results.contrast(*one, 'clean_error'))}; Mirza et al. find it lower."
        for one in (("H", "full"), ("I", "full"))
    ]
    rates = [
        [
            WITHOUT[row["subset"]],
            *(with_spread(row[f"{kind}_error"], row[f"{kind}_std"]) for kind in ("clean", "adversarial")),
            *(_by_seed(results, row["subset"], error) for error in ("clean_error", "adversarial_error")),
        ]
        for _, row in results.error_rates.iterrows()
    ]
    pairs = [(one.one, one.other) for one in results.contrasts["clean_error"]]
    blocks: list[Block] = [
        Figure(
            "Error rates by what is left out",
            f"Test images, clean and under {attack}; means over seeds, whiskers: standard deviation. Right: "
            "differences of the robust error seed by seed, mean and 95% interval; below zero is more robust. Models "
            "of one seed begin at the same weights.",
            [
                error_rate_panel(results.error_rates),
                difference_panel(results.contrasts["adversarial_error"], "robust error", [_name(p) for p in pairs]),
            ],
            size="wide",
        ),
        Table(
            "Error rates",
            "Means and standard deviations over seeds. Mirza et al. draw theirs (figure F3, F4) and print none.",
            ["Trained on", "clean error", "robust error", "clean, seed by seed", "robust, seed by seed"],
            rates,
        ),
        difference_table(
            "Differences of errors, paired by seed",
            "In percentage points. I and C leave out equally many images, and so do H and L: between these the number "
            "of images explains nothing.",
            [
                (f"{_name((one.one, one.other))}, {label}", one)
                for error, label in ERRORS.items()
                for one in results.contrasts[error]
            ],
        ),
    ]
    return Section("errors", "Errors without them", says, blocks)


def _verdict(results: SubsetResults) -> str:
    """Whether H and I cost robustness, and alike, as Mirza et al. find, so far as seeds tell; and what else does."""
    against_all = {one.one: one for one in results.contrasts["adversarial_error"] if one.other == "full"}
    between = results.contrast("H", "I")
    if between.num_seeds < 2:
        return "One seed says nothing of how far that is chance."
    costly = [letter for letter, one in against_all.items() if one.decided and one.mean > 0]
    expected = [letter for letter in costly if letter in ("H", "I")]
    others = [
        f"{OTHERS[letter]} ({letter}, {numbers.signed_points(against_all[letter].mean)} points)"
        for letter in costly
        if letter in OTHERS
    ]
    if len(expected) == 2:
        more = f"and leaving out {'H' if between.mean > 0 else 'I'} costs more"
        alike = "and cannot be told apart, as Mirza et al. find"
        verdict = f"Both cost robustness beyond the spread of the seeds, {more if between.decided else alike}."
    elif expected:
        verdict = (
            f"Only {expected[0]} of the two costs robustness beyond the spread of the seeds; Mirza et al. find that "
            "both do."
        )
    else:
        verdict = "Neither costs robustness beyond the spread of the seeds; Mirza et al. find that both do."
    return f"{verdict} Leaving out {' and '.join(others)} {'does too' if expected else 'does'}." if others else verdict


def _key_figure(results: SubsetResults, one: str, other: str) -> KeyFigure:
    difference = results.contrast(one, other)
    return KeyFigure(
        f"Robust error, {_name((one, other))}",
        numbers.signed_points(difference.mean),
        "points",
        told_interval(difference),
        "", None, "",
    )  # fmt: skip


def _doubts(results: SubsetResults, config: Mapping[str, Any], attack: str) -> list[str]:
    held_out = config["training"]["num_validation_images"]
    found = doubts(len(config["seeds"]), sum(len(some) for some in results.contrasts.values()), attack)
    found.append(
        "One model chose the images: another would have chosen others, and the intervals do not contain that. Fewer "
        "images are also fewer steps at the same number of epochs."
    )
    if held_out:
        found.append(
            f"Every seed holds out {numbers.count(held_out)} other training images for validation; of each set, those "
            "among them would not have been trained on anyway."
        )
    if not results.subsets.left_out["I"]:
        found.append(
            "The first model is right on every image: I and C leave out none, and are trainings on all images."
        )
    return found


def _by_seed(results: SubsetResults, subset: str, error: str) -> str:
    chosen = results.trainings[results.trainings["subset"] == subset]
    return ", ".join(numbers.percent(value) for value in chosen[error])


def _name(pair: tuple[str, str]) -> str:
    return " − ".join("all" if letter == "full" else letter for letter in pair)
