"""What a search leaves: every trial in a table, a summary, the best one's config, and a page."""

import json
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from typing import Any

import pandas as pd

from advgen_ray.analysis.pareto import on_front
from advgen_ray.config import SearchConfig
from advgen_ray.distributed.population import Round, lineage
from advgen_ray.distributed.schedules import PROGRESS
from advgen_ray.distributed.tune import MISTAKE, Trial
from advgen_ray.report.ablation_page import ablation_page
from advgen_ray.report.search_page import search_page
from advgen_ray.stages.ablation import ABLATED, ablation_summary, base_of, plain, with_marks
from advgen_ray.stages.judged import SECONDS
from advgen_ray.stages.outcome import PAGE, publish
from advgen_ray.stages.population import SCHEDULE
from advgen_ray.stages.search_trial import told_of
from advgen_ray.storage.filesystem import join, write_atomic
from advgen_ray.tracking import Run

TRIALS, BEST = "trials.json", "best.yaml"


def trial_table(trials: list[Trial], config: SearchConfig) -> pd.DataFrame:
    """One row a trial, the best by the first objective first (then the next), those stopped early, then the failed.

    Columns: trial, every setting by its key, every objective and what else a trial tells (nan where unknown), progress
    (share of its way), status, mistake, on_front (of all objectives, among the finished). Equal settings that made
    one set are one row, and of trials that are equally good the first by name comes first.
    """
    rows = []
    for trial in trials:
        told = [one for one in trial.reports if one.get(PROGRESS) is not None]
        last = told[-1] if told else {}
        name, own = config.trial_name(trial.parameters, trial.id), config.settings(trial.parameters)
        settings = {key: _told(config, key, value) for key, value in own.items()}
        values = {metric: float(last.get(metric, float("nan"))) for metric in told_of(config)}
        ended = {PROGRESS: float(last.get(PROGRESS, 0.0)), "status": trial.status, "mistake": trial.mistake}
        rows.append({"trial": name, **settings, **values, **ended})
    table = pd.DataFrame(rows)
    ranked = pd.DataFrame(
        {
            "status": table["status"].map(("finished", "stopped", "failed").index),
            **{one.metric: table[one.metric] * (-1 if one.goal == "max" else 1) for one in config.objectives},
            "trial": table["trial"],
        }
    )
    table = table.loc[ranked.sort_values(ranked.columns.tolist(), kind="stable").index].drop_duplicates("trial")
    finished = (table["status"] == "finished").to_numpy()
    known = (table[metric].where(finished) for metric in metrics_of(config))
    front = on_front(*known, maximize=[objective.goal == "max" for objective in config.objectives])
    table = table.assign(on_front=front).reset_index(drop=True)
    return with_marks(table, config) if config.job == ABLATED else table


def ended_trials(config: SearchConfig, rounds: Sequence[Round]) -> list[Trial]:
    """The trials as other searches end: those of the last round, with its settings."""
    found = []
    for member in rounds[-1]:
        begun: dict[str, Any] = {PROGRESS: (len(rounds) - 1) / len(rounds)}
        reports: list[dict[str, Any]] = (
            [begun, {MISTAKE: member.failed}] if member.failed else [{PROGRESS: 1.0, **member.values}]
        )
        found.append(Trial(member.trial, member.settings, reports, "failed" if member.failed else "finished"))
    return found


def schedule_table(config: SearchConfig, rounds: Sequence[Round], best: str) -> pd.DataFrame:
    """One row a trial and round: round (from 1), until (share of the way), trial, source, takes_over, failed, every
    setting and objective, and in_best: whether the best trial's way leads through it."""  # fmt: skip
    way = [member.trial for member in lineage(rounds, best)]
    return pd.DataFrame(
        [
            {
                "round": number,
                "until": number / len(rounds),
                "trial": member.trial,
                "source": member.source,
                "takes_over": member.takes_over,
                "failed": member.failed,
                **member.settings,
                **{one.metric: member.values.get(one.metric, float("nan")) for one in config.objectives},
                "in_best": way[number - 1] == member.trial,
            }
            for number, members in enumerate(rounds, start=1)
            for member in members
        ]
    )


def summarize(table: pd.DataFrame, config: SearchConfig, on_the_way: pd.DataFrame | None = None) -> dict[str, Any]:
    """What ``summary.json`` says: how the trials ended, the best one and those on the front, where the rest is.

    Of a population also how often one trial took over from another, and the best one's way.
    """
    columns = ["trial", *config.keys, *metrics_of(config), "on_front"]
    shown = plain(table[columns])
    population: dict[str, Any] = {}
    if on_the_way is not None:
        way = on_the_way[on_the_way["in_best"]].drop(columns=["source", "failed", "in_best"])
        population = {
            "best_model": join(config.output, "trials", str(shown[0]["trial"]), "model"),
            "schedule": join(config.output, SCHEDULE),
            "takeovers": int(on_the_way["takes_over"].sum()),
            "best_way": plain(way),
        }
    return {
        "output": config.output,
        "report": join(config.output, PAGE),
        **population,
        "best_config": join(config.output, BEST),
        "trials": {str(status): int(number) for status, number in table["status"].value_counts().items()},
        "best": {key: value for key, value in shown[0].items() if key != "on_front"},
        "front": [one for one in shown if one["on_front"]],
        **(ablation_summary(table, config) if config.job == ABLATED else {}),
    }


def store(
    table: pd.DataFrame,
    summary: Mapping[str, Any],
    config: SearchConfig,
    on_the_way: pd.DataFrame | None = None,
    tracked: Run | None = None,
) -> None:
    """Write the trials, the best one's config for ``--config``, and, into the run too, the summary and the page.

    The trials hold what follows from the settings, so that a restarted search over sets ends in the same bytes.
    """
    stored = plain(table.drop(columns=SECONDS, errors="ignore"))
    write_atomic(join(config.output, TRIALS), f"{json.dumps(stored, indent=1, sort_keys=True)}\n".encode())
    best = table.iloc[0]
    job = config.trial_config({key: _value(config, key, best[key]) for key in config.keys})
    told = ", ".join(f"{metric} {best[metric]:.6g}" for metric in metrics_of(config))
    words = f"# The best of {len(table)} trials of {config.output}: {told}\n"
    if on_the_way is not None:
        words += (
            f"# Its settings in the last round: they changed on the way, as {SCHEDULE} says, so that a training with\n"
            f"# these from its start is another one. The model that reached this is trials/{best['trial']}/model.\n"
        )
    words += f"# python jobs/{config.job}.py --config FILE\n"
    write_atomic(join(config.output, BEST), (words + job.to_yaml()).encode())
    values, software = config.model_dump(mode="json"), version("advgen_ray")
    if config.job == ABLATED:
        page = ablation_page(table, base_of(config), values, software)
    else:
        page = search_page(table, config.keys, _as_told(config), software, on_the_way, _base_as_told(config))
    publish(config.output, summary, page, tracked)


def metrics_of(config: SearchConfig) -> list[str]:
    """The objectives by name, the first one first."""
    return [objective.metric for objective in config.objectives]


def _as_told(config: SearchConfig) -> dict[str, Any]:
    """The config with the values of an ablation as tables call them."""
    values = config.model_dump(mode="json")
    if config.proposals == "one_by_one":
        for told, parameter in zip(values["space"], config.space, strict=True):
            told["values"] = [parameter.told(value) for value in parameter.values]
    return values


def _base_as_told(config: SearchConfig) -> dict[str, Any] | None:
    """The trial that those of an ablation differ from."""
    if config.proposals != "one_by_one":
        return None
    return {parameter.key: parameter.told(config.given()[0][parameter.key]) for parameter in config.space}


def _told(config: SearchConfig, key: str, value: Any) -> Any:
    """What tables call a value."""
    parameter = config.parameter(key)
    return parameter.told(value) if parameter else value


def _value(config: SearchConfig, key: str, told: Any) -> Any:
    """The value that tables call so."""
    parameter = config.parameter(key)
    return parameter.value_of(told) if parameter else told
