"""The stage that trains without four sets of images: base model, energies, choice, trainings, page."""

from importlib.metadata import version
from typing import Any

import pandas as pd

from advgen_ray.analysis.over_seeds import PairedDifference, paired_differences
from advgen_ray.analysis.training_subsets import (
    TrainingSubsets,
    composition,
    energy_strata,
    error_rates,
    select_subsets,
)
from advgen_ray.config import ScoreEnergiesConfig, TrainClassifierConfig
from advgen_ray.config.comparisons import CompareSubsetsConfig
from advgen_ray.errors import UserError
from advgen_ray.report.subset_page import SubsetResults, subset_page
from advgen_ray.rng import Stream
from advgen_ray.stages import classifier, energies
from advgen_ray.stages.compared_trainings import Trainings, plain_difference, plain_rows, read_cards, training_table
from advgen_ray.stages.inputs import load_images
from advgen_ray.stages.outcome import PAGE, publish, tracked_job
from advgen_ray.stages.ownership import take_output
from advgen_ray.stages.training import check_data
from advgen_ray.stages.training_split import split_training, write_item_ids
from advgen_ray.storage import ResultSet
from advgen_ray.storage.filesystem import join

FULL = "full"
CONTRASTS = (("I", FULL), ("C", FULL), ("H", FULL), ("L", FULL), ("I", "C"), ("H", "L"), ("H", "I"))
ERRORS = {"clean_error": "clean_accuracy", "adversarial_error": "pgd_accuracy"}
PLAN = "subsets.json"


def run(config: CompareSubsetsConfig) -> dict[str, Any]:
    """Do what is missing of the experiment; returns error rates by what was left out, and their differences.

    Raises UserError, before any training starts, for data that is missing or another experiment in the same place;
    and after the first training where its model leaves too few correct images to choose from.
    """
    base = config.base()
    check_data([base, *(config.training_without(FULL, "", seed) for seed in config.seeds)])
    take_output(config, config.output, PLAN, "subset comparison")
    with tracked_job("subsets", config) as tracked:
        classifier.run(base)
        training = _scored(config, base)
        subsets = _select(config, training)
        trainings = _trainings(config, subsets)
        classifier.run_all(list(trainings.values()))
        results = _results(base, training, subsets, trainings)
        summary = _summary(config, results)
        page = subset_page(results, config.model_dump(mode="json"), version("advgen_ray"))
        publish(config.output, summary, page, tracked)
        tracked.log_metrics(
            {f"{row['subset']}/{key}": row[key] for row in summary["error_rates"] for key in row if key != "subset"}
        )
    return summary


def _scored(config: CompareSubsetsConfig, base: TrainClassifierConfig) -> pd.DataFrame:
    """item_id, label, energy_x and correct of the images that the base model was trained on, without an attack."""
    scoring = ScoreEnergiesConfig(
        data=base.data,
        splits=("train",),
        attacks=(),
        classifiers=(join(base.output, "model"),),
        output=join(config.output, "energies"),
        pool=config.pool,
    )
    energies.run(scoring)
    rows = ResultSet.open(scoring.output).read(["image_id", "label", "energy_x", "correct"]).to_pandas()
    trained_on, _ = split_training(load_images(base.data, "train", None, ""), base)
    rows = rows.rename(columns={"image_id": "item_id"})
    return rows[rows["item_id"].isin(trained_on.item_ids(range(len(trained_on))))].reset_index(drop=True)


def _select(config: CompareSubsetsConfig, training: pd.DataFrame) -> TrainingSubsets:
    try:
        return select_subsets(training, Stream(config.training.seed, "subsets"), config.energy_share)
    except ValueError as error:
        raise UserError(
            f"{config.base().output}: {error}; give the first model a smaller training.attack.eps or more epochs, or "
            "lower energy_share"
        ) from None


def _trainings(config: CompareSubsetsConfig, subsets: TrainingSubsets) -> Trainings:
    """All of them, each set to leave out written where its trainings read it: the same ids at every attempt."""
    files = {FULL: ""}
    for letter, item_ids in subsets.left_out.items():
        files[letter] = join(config.output, "left_out", f"{letter}.json")
        write_item_ids(files[letter], item_ids)
    return {
        (subset, seed): config.training_without(subset, file, seed)
        for seed in config.seeds
        for subset, file in files.items()
    }


def _results(
    base: TrainClassifierConfig, training: pd.DataFrame, subsets: TrainingSubsets, trainings: Trainings
) -> SubsetResults:
    cards = read_cards(trainings)
    order = sorted(cards, key=lambda key: [FULL, *subsets.left_out].index(key[0]))  # by set; stable, so then by seed
    table = training_table({key: cards[key] for key in order}, "subset")
    table = table.assign(**{error: 1 - table[accuracy] for error, accuracy in ERRORS.items()})
    return SubsetResults(
        training=training,
        subsets=subsets,
        strata=energy_strata(training, subsets),
        composition=composition(training, subsets),
        trainings=table,
        error_rates=error_rates(table),
        contrasts={error: paired_differences(table, "subset", CONTRASTS, error) for error in ERRORS},
        base_metrics=read_cards({("base", base.seed): base})["base", base.seed]["metrics"],
    )


def _summary(config: CompareSubsetsConfig, results: SubsetResults) -> dict[str, Any]:
    contrasts: list[PairedDifference] = [one for some in results.contrasts.values() for one in some]
    attack = config.training.evaluation_attack
    return {
        "output": config.output,
        "report": join(config.output, PAGE),
        "identity": config.digest(),
        "evaluation_attack": {"attack": attack.label, **attack.model_dump(include={"norm", "eps", "num_steps"})},
        "base_model": results.base_metrics,
        "num_images": len(results.training),
        "high_energy_above": round(results.subsets.high, 6),
        "low_energy_up_to": round(results.subsets.low, 6),
        "strata": plain_rows(results.strata),
        "composition": plain_rows(results.composition),
        "error_rates": plain_rows(results.error_rates),
        "differences": [plain_difference(one) for one in contrasts],
        "trainings": plain_rows(results.trainings),
    }
