"""The page of a search: clean against robust accuracy of every trial, the front, and all settings."""

from collections.abc import Mapping
from typing import Any

import pandas as pd
import yaml

from advgen_ray.analysis.pareto import on_front
from advgen_ray.report import numbers
from advgen_ray.report.blocks import Details, Figure, KeyFigure, Section, Table
from advgen_ray.report.page import Page
from advgen_ray.report.plots_pareto import pareto_panel

COLUMNS = ["trial", "eps", "beta", "clean", "robust", "best epoch", "came to epoch", "status"]


def search_page(trials: pd.DataFrame, config: Mapping[str, Any], version: str) -> Page:
    """``trials``: one row each, best first, as ``stages.search.trial_table`` makes them; ``config``: the search's."""
    training = config["training"]
    attack, data_name = training["evaluation_attack"], training["data"]["name"]
    front = on_front(trials["clean_accuracy"], trials["robust_accuracy"])
    best, num_images = trials.iloc[0], numbers.count(training["num_validation_images"])
    ranked_by = f"PGD({attack['num_steps']}) in {attack['norm']} at {numbers.eps(attack['eps'])}"
    stopped = int((trials["status"] == "stopped").sum())
    figure = Figure(
        "Clean against robust accuracy",
        f"{numbers.count(len(trials))} trials, each at its best epoch, on {num_images} images held out from training; "
        f"attack: {ranked_by}. The line joins the trials that no other one beats in both.",
        [pareto_panel(trials, key) for key in ("eps", "beta") if trials[key].notna().any()],
        size="wide",
    )
    table = Table(
        "Every trial",
        f"Best first. {numbers.count(stopped)} were stopped early (ASHA).",
        COLUMNS,
        [_row(trial) for _, trial in trials.iterrows()],
    )
    configs = Details("Full config", [("search", yaml.safe_dump(dict(config), sort_keys=False))])
    return Page(
        title=f"advgen_ray: search on {data_name}",
        heading="Which settings are worth training with?",
        data_name=data_name,
        version=version,
        answer=f"The most robust trial, {_settings(best)}, keeps {numbers.percent(best['robust_accuracy'])} of the "
        f"images under attack and {numbers.percent(best['clean_accuracy'])} of the clean ones; "
        f"{numbers.count(int(front.sum()))} trials of {numbers.count(len(trials))} are on the front.",
        lead=f"Loss {training['loss']}, {training['num_epochs']} epochs at most, seed {config['seed']}; "
        "settings proposed by Optuna, poor trials stopped by ASHA.",
        key_figures=[
            KeyFigure("Best robust accuracy", numbers.percent(best["robust_accuracy"]), "", ranked_by, "", None, ""),
            KeyFigure("Its clean accuracy", numbers.percent(best["clean_accuracy"]), "", _settings(best), "", None, ""),
        ],
        sections=[
            Section("front", "The front", [], [figure]),
            Section("trials", "Trials", [], [table, configs]),
        ],
    )


def _row(trial: pd.Series) -> list[str]:
    return [
        str(trial["trial"]),
        f"{trial['eps']:.3g}",
        f"{trial['beta']:.3g}",
        numbers.percent(trial["clean_accuracy"]),
        numbers.percent(trial["robust_accuracy"]),
        f"{trial['best_epoch']:g}",
        f"{trial['last_epoch']:g}",
        str(trial["status"]),
    ]


def _settings(trial: pd.Series) -> str:
    return f"eps {trial['eps']:.3g}, beta {trial['beta']:.3g}"
