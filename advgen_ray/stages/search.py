"""The stage that searches the settings of a job: Ray Tune over the job itself, trials tracked, ending in a page."""

import tempfile
from collections.abc import Mapping
from functools import partial
from typing import Any

import pandas as pd

from advgen_ray.config import SearchConfig
from advgen_ray.distributed import cluster
from advgen_ray.distributed.counterfactual_rows import Judge
from advgen_ray.distributed.population import Round, first_round
from advgen_ray.distributed.resources import own_process, room_for_trials
from advgen_ray.distributed.schedules import PROGRESS, Asha, Schedule
from advgen_ray.distributed.tune import Trial, run_search
from advgen_ray.errors import UserError
from advgen_ray.stages.checks import checks_alone
from advgen_ray.stages.inputs import load_classifier
from advgen_ray.stages.outcome import tracked_job
from advgen_ray.stages.own_images import own_digest
from advgen_ray.stages.ownership import take_output
from advgen_ray.stages.population import run_population
from advgen_ray.stages.search_results import ended_trials, metrics_of, schedule_table, store, summarize, trial_table
from advgen_ray.stages.search_trial import RUNS, run_trial, told_of
from advgen_ray.stages.trials import Follower, Tell

PLAN = "search.json"


def run(config: SearchConfig) -> dict[str, Any]:
    """Run what is left of the search at ``config.output``; returns the best trial and where page and its config are.

    Raises UserError, before any trial starts, for a judge or whatever else a trial's job would miss, more than a local
    cluster has, or another search in the same place; at the end where no trial reached its own.
    """
    job: Any = config.job_config
    _check_job(config)
    judge = Judge(config.judge, load_classifier(config.judge, job.data).digest) if config.judge else None
    inputs = {"judge": judge.digest if judge else "", "images": own_digest(job)}
    take_output(config, config.output, PLAN, "search", {name: digest for name, digest in inputs.items() if digest})
    cluster.connect()
    at_once = room_for_trials(job, config.job, config.max_concurrent_trials)
    with tracked_job("search", config) as tracked:
        changes = config.scheduler == "pbt"
        follower = Follower(
            config.digest(), config.output, config.size, _tell(config), config.trial_name, settings_change=changes
        )
        rounds: list[Round] = []
        if changes:
            begin = first_round(config.space, config.num_trials, config.seed, config.given())
            rounds = run_population(config, begin, at_once, follower)
            trials = ended_trials(config, rounds)
        else:
            schedule = schedule_of(config, at_once, own_process(job))
            trials = run_search(partial(run_trial, config, judge), config.space, schedule, config.output, follower)
        table = trial_table(trials, config)
        _refuse_nothing(table, trials, config)
        on_the_way = schedule_table(config, rounds, str(table.iloc[0]["trial"])) if rounds else None
        summary = summarize(table, config, on_the_way)
        store(table, summary, config, on_the_way, tracked)
        tracked.log_metrics({metric: table.iloc[0][metric] for metric in metrics_of(config)})
        counts = {f"num_{status}": number for status, number in summary["trials"].items()}
        tracked.log_metrics({**counts, "num_on_front": int(table["on_front"].sum())})
    untold = {"effects", "seconds_per_ce"} | (set() if config.objectives[1:] else {"front"})
    return {key: value for key, value in summary.items() if key not in untold}


def _check_job(config: SearchConfig) -> None:
    """Raise UserError for what a first trial's job would refuse before its work, in a place that goes away.

    Models and sets are the same for all trials: a setting names none of them.
    """
    settings = next(iter(config.given()), {one.key: one.extremes()[0] for one in config.space})
    with tempfile.TemporaryDirectory(prefix="advgen-check-") as place, checks_alone():
        RUNS[config.job](config.trial_config(settings).override([f"output={place}/trial"]))


def schedule_of(config: SearchConfig, at_once: int, own_process: Mapping[str, float] | None = None) -> Schedule:
    """The search in Tune's terms; ``own_process`` is what a trial takes that computes in its own."""
    return Schedule(
        {objective.metric: objective.goal for objective in config.objectives},
        at_once,
        given=config.given(),
        proposals=config.drawn,
        num_trials=config.num_trials,
        asha=Asha(config.grace, config.reduction_factor) if config.scheduler == "asha" else None,
        max_failures=config.max_failures,
        own_process=own_process,
        seed=config.seed,
    )


def _refuse_nothing(table: pd.DataFrame, trials: list[Trial], config: SearchConfig) -> None:
    if not (table["status"] == "finished").any():
        told = next((trial.mistake for trial in trials if trial.mistake), "see the trials' logs under tune/")
        raise UserError(f"{config.output}: none of {len(table)} trials came to its end; {told}")


def _tell(config: SearchConfig) -> Tell:
    def tell(report: Mapping[str, Any]) -> tuple[dict[str, Any], str]:
        values = {metric: report[metric] for metric in told_of(config) if report.get(metric) is not None}
        words = "  ".join(
            f"{metric.removeprefix('validation_')} {values[metric]:.4g}"
            for metric in metrics_of(config)
            if metric in values
        )
        return {"step": round(100 * report[PROGRESS]), **values}, f"{report[PROGRESS]:.0%}  {words}"

    return tell
