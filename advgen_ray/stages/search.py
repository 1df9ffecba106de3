"""The stage that searches a training's settings: Ray Tune over Ray Train, every trial tracked, ending in a page."""

from collections.abc import Mapping
from functools import partial
from importlib.metadata import version
from typing import Any

import pandas as pd

from advgen_ray.config import TrainClassifierConfig
from advgen_ray.config.search import SearchTrainingConfig
from advgen_ray.distributed.train import Task, run_training
from advgen_ray.distributed.tune import Parameters, Report, Schedule, Trial, run_search
from advgen_ray.errors import UserError
from advgen_ray.report.page import render
from advgen_ray.report.search_page import search_page
from advgen_ray.stages import classifier
from advgen_ray.stages.claims import claim
from advgen_ray.stages.training import check_data
from advgen_ray.stages.trials import Follower, Tell
from advgen_ray.storage.filesystem import join, write_atomic
from advgen_ray.tracking import tracked_run
from advgen_ray.training.loop import Record

CLEAN, ROBUST = "validation_clean_accuracy", "validation_pgd_accuracy"
PLAN, TRIALS, PAGE = "search.json", "trials.json", "report.html"


def run(config: SearchTrainingConfig) -> dict[str, Any]:
    """Run what is left of the search at ``config.output``; returns the best trial and where the page is.

    Raises UserError, before any trial starts, for data that is missing or another search in the same place.
    """
    check_data([config.training])
    claim(config, config.output, PLAN, "search")
    with tracked_run("search", config.model_dump(mode="json"), tags={"config_digest": config.digest()}) as tracked:
        trials = run_search(
            partial(run_trial, config.training, config.output),
            config.space,
            Schedule(
                config.num_trials,
                config.max_concurrent_trials,
                ROBUST,
                config.training.num_epochs,
                config.grace_epochs,
                config.reduction_factor,
                config.seed,
            ),
            config.output,
            Follower(config.digest(), config.output, config.num_trials, _tell(config), lambda trial: trial.id),
        )
        table = trial_table(trials, config)
        if table.empty:
            raise UserError(f"{config.output}: no trial came as far as a validation; see the trials' logs under tune/")
        write_atomic(join(config.output, TRIALS), table.to_json(orient="records", indent=1).encode())
        page = render(search_page(table, config.model_dump(mode="json"), version("advgen_ray")))
        write_atomic(join(config.output, PAGE), page.encode())
        best = table.iloc[0].to_dict()
        tracked.log_metrics({key: best[key] for key in ("clean_accuracy", "robust_accuracy")})
    return {"report": join(config.output, PAGE), "num_trials": len(table), "best": best}


def run_trial(base: TrainClassifierConfig, root: str, parameters: Parameters, trial_id: str, report: Report) -> None:
    """One trial, in an actor of its own: a training like any other, which reports each validation."""
    assignments = [f"{key}={value}" for key, value in parameters.items()]
    config = base.override([*assignments, f"output={join(root, 'trials', trial_id)}"])

    def on_record(task: Task, record: Record) -> None:
        if ROBUST in record:
            report({key: record[key] for key in ("epoch", CLEAN, ROBUST)})

    task = classifier.task_of(config)
    (card,) = run_training([task], config.workers, classifier.describe, on_record)
    last = [record for record in card["history"] if ROBUST in record][-1]
    report({"epoch": config.num_epochs, CLEAN: last[CLEAN], ROBUST: last[ROBUST], "seconds": card["seconds"]})


def trial_table(trials: list[Trial], config: SearchTrainingConfig) -> pd.DataFrame:
    """One row a trial that was validated, best first: settings, accuracies at its best epoch, how far it came."""
    rows = []
    for trial in trials:
        validated = [one for one in trial.reports if one.get(ROBUST) is not None]
        if validated:
            best = max(validated, key=lambda one: one[ROBUST])
            settings = {parameter.key: trial.parameters[parameter.key] for parameter in config.space}
            trained = config.training.override([f"{key}={value}" for key, value in settings.items()])
            rows.append(
                {
                    "trial": trial.id,
                    **settings,
                    "eps": trained.attack.eps,
                    "beta": trained.beta,
                    "clean_accuracy": best[CLEAN],
                    "robust_accuracy": best[ROBUST],
                    "best_epoch": best["epoch"],
                    "last_epoch": validated[-1]["epoch"],
                    "status": trial.status,
                }
            )
    return pd.DataFrame(rows).sort_values("robust_accuracy", ascending=False) if rows else pd.DataFrame()


def _tell(config: SearchTrainingConfig) -> Tell:
    def tell(report: Mapping[str, Any]) -> tuple[dict[str, Any], str]:
        if report.get(ROBUST) is None:
            return {}, ""
        recorded = {"step": round(report["epoch"]), **{key: report[key] for key in (CLEAN, ROBUST)}}
        epoch = f"epoch {report['epoch']:g}/{config.training.num_epochs}"
        return recorded, f"{epoch}  clean {report[CLEAN]:.3f}  robust {report[ROBUST]:.3f}"

    return tell
