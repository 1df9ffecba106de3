"""The stage that compares losses: the same training with each, over seeds, ending in a page."""

from collections.abc import Sequence
from importlib.metadata import version
from typing import Any

import pandas as pd

from advgen_ray.analysis.energy_dynamics import dynamics_table
from advgen_ray.analysis.loss_comparison import mean_history
from advgen_ray.analysis.over_seeds import PairedDifference, paired_differences, spread
from advgen_ray.config.comparisons import CompareLossesConfig
from advgen_ray.data.datasets import dataset_info
from advgen_ray.report.loss_page import LossResults, loss_page
from advgen_ray.stages import classifier
from advgen_ray.stages.compared_trainings import (
    Trainings,
    plain_difference,
    plain_rows,
    read_cards,
    training_table,
)
from advgen_ray.stages.energy_view import read_recorded
from advgen_ray.stages.outcome import PAGE, publish, tracked_job
from advgen_ray.stages.ownership import take_output
from advgen_ray.stages.training import check_data
from advgen_ray.storage.filesystem import join

ACCURACIES = ("clean_accuracy", "pgd_accuracy")
IDENTITY_ERROR = "trades_identity_error"
PLAN = "losses.json"


def run(config: CompareLossesConfig) -> dict[str, Any]:
    """Train what is missing and compare; returns accuracies by loss and differences to the reference.

    Raises UserError, before any training starts, for data that is missing or another comparison in the same place.
    """
    trainings = {
        (loss.label, seed): config.training_with(loss, seed) for seed in config.seeds for loss in config.losses
    }
    check_data(list(trainings.values()))
    take_output(config, config.output, PLAN, "loss comparison")
    with tracked_job("losses", config) as tracked:
        classifier.run_all(list(trainings.values()))
        results = _results(config, trainings)
        summary = _summary(config, results)
        page = loss_page(results, config.model_dump(mode="json"), version("advgen_ray"))
        publish(config.output, summary, page, tracked)
        tracked.log_metrics(
            {f"{row['loss']}/{key}": value for row in summary["losses"] for key, value in row.items() if key != "loss"}
        )
    return summary


def _results(config: CompareLossesConfig, trainings: Trainings) -> LossResults:
    cards = read_cards(trainings)
    # In the order of the losses, which is that of tables and figures; they were trained seed by seed.
    ordered = {(loss.label, seed): cards[loss.label, seed] for loss in config.losses for seed in config.seeds}
    table = training_table(ordered, "loss")
    labels = [loss.label for loss in config.losses]
    pairs = [(label, config.reference) for label in labels if label != config.reference]
    return LossResults(
        trainings=table,
        spread=spread(table, "loss", [*ACCURACIES, "seconds", "best_epoch"]),
        differences={quantity: paired_differences(table, "loss", pairs, quantity) for quantity in ACCURACIES},
        histories={
            label: mean_history([card["history"] for (name, _), card in ordered.items() if name == label])
            for label in labels
        },
        identity_error=_identity_error([card["history"] for card in ordered.values()]),
        energies={
            label: pd.concat(
                [read_recorded(trainings[label, seed].output)[0].assign(seed=seed) for seed in config.seeds]
            )
            for label in labels
            if config.training.record_energies_at_epochs
        },
        class_names=dataset_info(config.training.data.name, config.training.data.root).class_names,
    )


def _identity_error(histories: Sequence[Sequence[dict[str, Any]]]) -> float | None:
    """The largest of all records, each the mean of an epoch; None where no loss is made of TRADES' terms."""
    errors = [record[IDENTITY_ERROR] for history in histories for record in history if IDENTITY_ERROR in record]
    return max(errors, default=None)


def _summary(config: CompareLossesConfig, results: LossResults) -> dict[str, Any]:
    differences: list[PairedDifference] = [one for some in results.differences.values() for one in some]
    attack = config.training.evaluation_attack
    return {
        "output": config.output,
        "report": join(config.output, PAGE),
        "identity": config.digest(),
        "evaluation_attack": {"attack": attack.label, **attack.model_dump(include={"norm", "eps", "num_steps"})},
        "losses": plain_rows(results.spread),
        "differences": [plain_difference(one) for one in differences],
        "largest_trades_identity_error": results.identity_error,
        "trainings": plain_rows(results.trainings),
        "energy_dynamics": {loss: plain_rows(dynamics_table(rows)) for loss, rows in results.energies.items()},
    }
