"""The stage that searches the settings of a job: Ray Tune over the job itself, trials tracked, ending in a page."""

import itertools
import json
from collections.abc import Mapping
from functools import partial
from importlib.metadata import version
from typing import Any

import pandas as pd

from advgen_ray.analysis.pareto import on_front
from advgen_ray.config import SearchConfig, TrainClassifierConfig, TrainScoreModelConfig
from advgen_ray.distributed import cluster
from advgen_ray.distributed.population import Round, first_round
from advgen_ray.distributed.resources import room_for_trials
from advgen_ray.distributed.schedules import PROGRESS, Asha, Schedule
from advgen_ray.distributed.tune import Trial, run_search
from advgen_ray.errors import UserError
from advgen_ray.report.page import render
from advgen_ray.report.search_page import search_page
from advgen_ray.stages.claims import claim
from advgen_ray.stages.inputs import load_classifier
from advgen_ray.stages.population import SCHEDULE, ended_trials, run_population, schedule_table
from advgen_ray.stages.search_trial import run_trial
from advgen_ray.stages.training import check_data
from advgen_ray.stages.trials import Follower, Tell
from advgen_ray.storage.filesystem import join, write_atomic
from advgen_ray.tracking import tracked_run

PLAN, TRIALS, SUMMARY, BEST, PAGE = "search.json", "trials.json", "summary.json", "best.yaml", "report.html"


def run(config: SearchConfig) -> dict[str, Any]:
    """Run what is left of the search at ``config.output``; returns the best trial and where page and its config are.

    Raises UserError, before any trial starts, for data or a judge that is missing, more than a local cluster has, or
    another search in the same place; at the end where no trial reached its own.
    """
    job: Any = config.job_config
    if isinstance(job, (TrainClassifierConfig, TrainScoreModelConfig)):
        check_data([job])
    judge = load_classifier(config.judge, job.data).digest if config.judge else ""
    claim(config, config.output, PLAN, "search", {"judge": judge} if judge else None)
    cluster.connect()
    at_once = room_for_trials(job, config.job, config.max_concurrent_trials)
    with tracked_run("search", config.model_dump(mode="json"), tags={"config_digest": config.digest()}) as tracked:
        changes = config.scheduler == "pbt"
        follower = Follower(
            config.digest(), config.output, config.size, _tell(config), lambda trial: trial.id, settings_change=changes
        )
        rounds: list[Round] = []
        if changes:
            begin = first_round(config.space, config.num_trials, config.seed, _grid(config))
            rounds = run_population(config, begin, at_once, follower)
            trials = ended_trials(config, rounds)
        else:
            schedule = schedule_of(config, at_once)
            trials = run_search(partial(run_trial, config, judge), config.space, schedule, config.output, follower)
        table = trial_table(trials, config)
        _refuse_nothing(table, trials, config)
        on_the_way = schedule_table(config, rounds, str(table.iloc[0]["trial"])) if rounds else None
        summary = summarize(table, config, on_the_way)
        _store(table, summary, config, on_the_way)
        tracked.log_metrics({metric: table.iloc[0][metric] for metric in _metrics(config)})
        tracked.log_metrics({f"num_{status}": number for status, number in summary["trials"].items()})
    return {key: value for key, value in summary.items() if key != "front"}


def schedule_of(config: SearchConfig, at_once: int) -> Schedule:
    """The search in Tune's terms: the base's own settings are tried first where the space holds them."""
    base = config.base_settings()
    held = all(one.holds(base[one.key]) for one in config.space) and config.proposals == "optuna"
    return Schedule(
        {objective.metric: objective.goal for objective in config.objectives},
        at_once,
        given=_grid(config) or ([base] if held else []),
        proposals="none" if config.proposals == "grid" else config.proposals,
        num_trials=config.num_trials,
        asha=Asha(config.grace, config.reduction_factor) if config.scheduler == "asha" else None,
        max_failures=config.max_failures,
        seed=config.seed,
    )


def _grid(config: SearchConfig) -> list[dict[str, Any]]:
    """Every combination of values; none where settings are drawn."""
    if config.proposals != "grid":
        return []
    keys = [parameter.key for parameter in config.space]
    combinations = itertools.product(*(parameter.values for parameter in config.space))
    return [dict(zip(keys, values, strict=True)) for values in combinations]


def trial_table(trials: list[Trial], config: SearchConfig) -> pd.DataFrame:
    """One row a trial, the best by the first objective first (then the next), those stopped early, then the failed.

    Columns: trial, every setting by its key, every objective (nan where unknown), done (share of its way), status,
    mistake, on_front (of all objectives, among the finished).
    """
    rows = []
    for trial in trials:
        told = [one for one in trial.reports if one.get(PROGRESS) is not None]
        last = told[-1] if told else {}
        settings = {parameter.key: trial.parameters.get(parameter.key) for parameter in config.space}
        values = {metric: float(last.get(metric, float("nan"))) for metric in _metrics(config)}
        ended = {PROGRESS: float(last.get(PROGRESS, 0.0)), "status": trial.status, "mistake": trial.mistake}
        rows.append({"trial": trial.id, **settings, **values, **ended})
    table = pd.DataFrame(rows)
    ranked = pd.DataFrame(
        {
            "status": table["status"].map(("finished", "stopped", "failed").index),
            **{one.metric: table[one.metric] * (-1 if one.goal == "max" else 1) for one in config.objectives},
        }
    )
    table = table.loc[ranked.sort_values(ranked.columns.tolist(), kind="stable").index]
    finished = (table["status"] == "finished").to_numpy()
    known = (table[metric].where(finished) for metric in _metrics(config))
    front = on_front(*known, maximize=[objective.goal == "max" for objective in config.objectives])
    return table.assign(on_front=front).reset_index(drop=True)


def summarize(table: pd.DataFrame, config: SearchConfig, on_the_way: pd.DataFrame | None = None) -> dict[str, Any]:
    """What ``summary.json`` says: how the trials ended, the best one and those on the front, where the rest is.

    Of a population also how often one trial took over from another, and the best one's way.
    """
    shown = _plain(table.drop(columns=["progress", "status", "mistake"]))
    population: dict[str, Any] = {}
    if on_the_way is not None:
        way = on_the_way[on_the_way["in_best"]].drop(columns=["source", "failed", "in_best"])
        population = {
            "best_model": join(config.output, "trials", str(shown[0]["trial"]), "model"),
            "schedule": join(config.output, SCHEDULE),
            "takeovers": int(on_the_way["takes_over"].sum()),
            "best_way": _plain(way),
        }
    return {
        "output": config.output,
        "report": join(config.output, PAGE),
        **population,
        "best_config": join(config.output, BEST),
        "trials": {str(status): int(number) for status, number in table["status"].value_counts().items()},
        "best": {key: value for key, value in shown[0].items() if key != "on_front"},
        "front": [one for one in shown if one["on_front"]],
    }


def _store(
    table: pd.DataFrame, summary: Mapping[str, Any], config: SearchConfig, on_the_way: pd.DataFrame | None = None
) -> None:
    """Write the trials, the summary, the best one's config for ``--config``, and the page."""
    write_atomic(join(config.output, TRIALS), f"{json.dumps(_plain(table), indent=1)}\n".encode())
    write_atomic(join(config.output, SUMMARY), f"{json.dumps(summary, indent=1)}\n".encode())
    best = table.iloc[0]
    job = config.trial_config({parameter.key: best[parameter.key] for parameter in config.space})
    told = ", ".join(f"{metric} {best[metric]:.6g}" for metric in _metrics(config))
    words = f"# The best of {len(table)} trials of {config.output}: {told}\n"
    if on_the_way is not None:
        words += (
            f"# Its settings in the last round: they changed on the way, as {SCHEDULE} says, so that a training with\n"
            f"# these from its start is another one. The model that reached this is trials/{best['trial']}/model.\n"
        )
    words += f"# python jobs/{config.job}.py --config FILE\n"
    write_atomic(join(config.output, BEST), (words + job.to_yaml()).encode())
    page = search_page(table, config.model_dump(mode="json"), version("advgen_ray"), on_the_way)
    write_atomic(join(config.output, PAGE), render(page).encode())


def _refuse_nothing(table: pd.DataFrame, trials: list[Trial], config: SearchConfig) -> None:
    if not (table["status"] == "finished").any():
        told = next((trial.mistake for trial in trials if trial.mistake), "see the trials' logs under tune/")
        raise UserError(f"{config.output}: none of {len(table)} trials came to its end; {told}")


def _metrics(config: SearchConfig) -> list[str]:
    return [objective.metric for objective in config.objectives]


def _plain(table: pd.DataFrame) -> list[dict[str, Any]]:
    """Rows as plain values; what is not finite is null."""
    found: list[dict[str, Any]] = json.loads(table.to_json(orient="records"))
    return found


def _tell(config: SearchConfig) -> Tell:
    def tell(report: Mapping[str, Any]) -> tuple[dict[str, Any], str]:
        values = {metric: report[metric] for metric in _metrics(config) if report.get(metric) is not None}
        words = "  ".join(f"{metric.removeprefix('validation_')} {value:.4g}" for metric, value in values.items())
        return {"step": round(100 * report[PROGRESS]), **values}, f"{report[PROGRESS]:.0%}  {words}"

    return tell
