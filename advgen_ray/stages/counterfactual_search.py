"""The stage that searches the settings of counterfactuals: Ray Tune, a set a trial, ending in the front and a page."""

import itertools
import json
from collections.abc import Mapping
from dataclasses import asdict, replace
from functools import partial
from importlib.metadata import version
from typing import Any, Literal

import pandas as pd

from advgen_ray.analysis.ce_ablation import MEASURES, OBJECTIVES, effects, with_front
from advgen_ray.config import GenerateConfig, ParameterConfig
from advgen_ray.config.counterfactual_search import SearchCounterfactualsConfig
from advgen_ray.distributed.schedules import PROGRESS, Survey
from advgen_ray.distributed.tune import Trial, run_search
from advgen_ray.errors import UserError
from advgen_ray.report.ablation_page import ablation_page
from advgen_ray.report.page import render
from advgen_ray.stages.claims import claim
from advgen_ray.stages.counterfactual_trial import run_trial, trial_config
from advgen_ray.stages.counterfactuals import prepare
from advgen_ray.stages.inputs import load_classifier
from advgen_ray.stages.trials import Follower
from advgen_ray.storage.filesystem import join, write_atomic
from advgen_ray.tracking import tracked_run

PAPER = {"neighborhood.kind": "boltzmann_hardtanh", "neighborhood.sigma_ce": 0.2, "guidance_scale": 15.0}  # S000
PLAN, TRIALS, SUMMARY, PAGE = "search.json", "trials.json", "summary.json", "report.html"
COSTS = ("network_evaluations", "seconds_per_ce")
COUNTS = ("count", "num_sources", "network_evaluations")
GOALS: dict[str, Literal["max", "min"]] = {name: "max" if up else "min" for name, up in OBJECTIVES.items()}


def run(config: SearchCounterfactualsConfig) -> dict[str, Any]:
    """Run what is left of the search at ``config.output``; returns the front, and what each setting does.

    Raises UserError, before any trial starts, for a missing or foreign model or judge, too many sources, another search
    in the same place or a place that cannot be written.
    """
    judge = load_classifier(config.judge, config.generation.data)
    claim(config, config.output, PLAN, "counterfactual search", {"judge": judge.digest})
    prepare(trial_config(config, {}))
    given = planned(config)
    grid = config.method == "grid"
    survey = Survey(given, config.max_concurrent_trials, config.trial, objectives=GOALS)
    if not grid:
        survey = replace(survey, num_trials=config.num_trials, seed=config.seed)
    num_trials = len(given) if grid else config.num_trials
    with tracked_run(
        "counterfactual search", config.model_dump(mode="json"), tags={"config_digest": config.digest()}
    ) as tracked:
        trials = run_search(
            partial(run_trial, config, judge.digest),
            () if grid else config.space,
            survey,
            config.output,
            Follower(config.digest(), config.output, num_trials, _tell, partial(_name, config)),
        )
        table = trial_table(trials, config)
        if table.empty:
            raise UserError(f"{config.output}: no trial came to its end; see the trials' logs under tune/")
        summary = summarize(table, trials, config)
        _store(config, table, summary)
        tracked.log_metrics({"num_trials": len(table), "num_on_front": int(table["on_front"].sum())})
    return {key: summary[key] for key in ("output", "report", "num_trials", "failed", "front")}


def planned(config: SearchCounterfactualsConfig) -> list[dict[str, Any]]:
    """The settings to try, each once: the base's, the paper's, and of a grid every combination.

    Where Optuna proposes, the first two where its space holds them.
    """
    base, paper = settings_in(config, {}), settings_in(config, PAPER)
    if config.method == "optuna":
        keys = [parameter.key for parameter in config.space]
        fitting = [one for one in (base, paper) if _held(config, one, base)]
        return _different([{key: one[key] for key in keys} for one in fitting])
    grids = [
        [dict(zip([one.key for one in grid], values, strict=True)) for values in itertools.product(*_values(grid))]
        for grid in (config.space, *config.also)
    ]
    return _different([base, paper, *(settings_in(config, one) for grid in grids for one in grid)])


def settings_in(config: SearchCounterfactualsConfig, settings: Mapping[str, Any]) -> dict[str, Any]:
    """Every setting that is looked at, as a trial of ``settings`` has it: those that vary, and those of the paper."""
    generation = trial_config(config, settings)
    return {key: _value(generation, key) for key in dict.fromkeys([*config.keys, *PAPER])}


def trial_table(trials: list[Trial], config: SearchCounterfactualsConfig) -> pd.DataFrame:
    """One row a trial that came to its end, in the order of its settings; equal settings are one trial.

    Columns: trial, every setting by its dotted key, ``analysis.ce_ablation.measures``, network_evaluations and
    seconds_per_ce, on_front, and base and paper (whether it has their settings).
    """
    base, paper = settings_in(config, {}), settings_in(config, PAPER)
    rows = {}
    for trial in trials:
        last = trial.reports[-1] if trial.reports else {}
        if last.get(PROGRESS) == 1:
            name, settings = _name(config, trial), settings_in(config, trial.parameters)
            marks = {"base": settings == base, "paper": settings == paper}
            rows[name] = {"trial": name, **settings, **{key: last[key] for key in (*MEASURES, *COSTS)}, **marks}
    if not rows:
        return pd.DataFrame()
    table = pd.DataFrame(rows.values()).astype(dict.fromkeys(COUNTS, int))
    return with_front(table.sort_values(list(base), ignore_index=True))


def summarize(table: pd.DataFrame, trials: list[Trial], config: SearchCounterfactualsConfig) -> dict[str, Any]:
    """What ``summary.json`` says: the front, the two settings that are marked, what each setting does, seconds a CE."""
    settings = settings_in(config, {})
    shown = table[["trial", *settings, *OBJECTIVES, "network_evaluations"]]
    return {
        "output": config.output,
        "report": join(config.output, PAGE),
        "num_trials": len(table),
        "failed": sorted({_name(config, trial) for trial in trials} - set(table["trial"])),
        "front": _records(shown[table["on_front"]].sort_values("validity", ascending=False)),
        **{name: next(iter(_records(shown[table[name]])), None) for name in ("base", "paper")},
        "effects": [asdict(effect) for effect in effects(table, list(settings), settings)],
        "seconds_per_ce": dict(zip(table["trial"], table["seconds_per_ce"].round(6), strict=True)),
    }


def _store(config: SearchCounterfactualsConfig, table: pd.DataFrame, summary: Mapping[str, Any]) -> None:
    """``trials.json`` holds what follows from the settings, so that a restarted search ends in the same bytes."""
    stored = json.dumps(_records(table.drop(columns="seconds_per_ce")), indent=1)
    write_atomic(join(config.output, TRIALS), f"{stored}\n".encode())
    write_atomic(join(config.output, SUMMARY), f"{json.dumps(summary, indent=1)}\n".encode())
    page = ablation_page(table, settings_in(config, {}), config.model_dump(mode="json"), version("advgen_ray"))
    write_atomic(join(config.output, PAGE), render(page).encode())


def _records(table: pd.DataFrame) -> list[dict[str, Any]]:
    """Rows as plain values; what is not finite is null."""
    found: list[dict[str, Any]] = json.loads(table.to_json(orient="records"))
    return found


def _tell(report: Mapping[str, Any]) -> tuple[dict[str, Any], str]:
    if report[PROGRESS] < 1:
        return {}, f"{report[PROGRESS]:.0%} generated"
    recorded = {key: report[key] for key in (*MEASURES, *COSTS)}
    words = f"validity {report['validity']:.3f}  L2 {report['l2_mean']:.3f}  L0 {report['l0_mean']:.3f}"
    return {"step": 0, **recorded}, f"{words}  {report['seconds_per_ce']:.3f} s a CE"


def _name(config: SearchCounterfactualsConfig, trial: Trial) -> str:
    """Of its settings alone: Tune's ids are drawn anew with every search."""
    return trial_config(config, trial.parameters).digest()


def _values(grid: tuple[ParameterConfig, ...]) -> list[tuple[Any, ...]]:
    return [parameter.values for parameter in grid]


def _different(settings: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [one for at, one in enumerate(settings) if one not in settings[:at]]


def _held(config: SearchCounterfactualsConfig, settings: Mapping[str, Any], base: Mapping[str, Any]) -> bool:
    """Whether the space holds these settings, what it does not vary being the base's."""
    space = {parameter.key: parameter for parameter in config.space}
    return all(space[key].holds(value) if key in space else value == base[key] for key, value in settings.items())


def _value(generation: GenerateConfig, key: str) -> Any:
    value: Any = generation
    for part in key.split("."):
        value = getattr(value, part)
    return value
