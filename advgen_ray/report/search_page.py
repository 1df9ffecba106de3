"""The page of a search: the front, the settings in parallel coordinates, every trial, and what was run."""

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from advgen_ray.report import numbers
from advgen_ray.report.blocks import Figure, KeyFigure, Section, Table, full_config
from advgen_ray.report.one_by_one_section import one_by_one_section
from advgen_ray.report.page import Page
from advgen_ray.report.plots_parallel import parallel_panel
from advgen_ray.report.plots_pareto import pareto_panel
from advgen_ray.report.population_section import population_section
from advgen_ray.report.search_words import Objective, setting_name, setting_text, settings_text

HOW = {
    "random": "drawn at random",
    "grid": "a grid",
    "one_by_one": "those of the base but for one at a time",
    "optuna": "proposed by Optuna",
}
BECOMES = {
    "none": ".",
    "asha": "; poor ones stopped by ASHA.",
    "pbt": "; poor ones went on from the state of better ones, with changed settings (population-based training).",
}


def search_page(
    trials: pd.DataFrame,
    keys: list[str],
    config: Mapping[str, Any],
    version: str,
    on_the_way: pd.DataFrame | None = None,
    base: Mapping[str, Any] | None = None,
) -> Page:
    """``trials``: as ``stages.search_results.trial_table`` makes them, the best first; ``keys``: the settings;
    ``config``: the search's.

    ``on_the_way``: of a population, as ``stages.search_results.schedule_table`` makes it. ``base``: where settings vary
    one by one, those of the trial that all others differ from; ``values`` of the space are then as trials call them.
    """
    objectives = objectives_of(config)
    finished = trials[trials["status"] == "finished"]
    best, first = finished.iloc[0], objectives[0]
    job, data_name = config["job"].replace("_", " "), config["base"]["data"]["name"]
    words = settings_text({key: best[key] for key in keys})
    if on_the_way is not None:
        words = f"{best['trial']} ({words} in the last round)"
    on_front = int(trials["on_front"].sum())
    front = (
        f" {numbers.count(on_front)} of {len(finished)} {'is' if on_front == 1 else 'are'} on the front of all "
        "objectives."
        if objectives[1:]
        else ""
    )
    configs = full_config("search", config)
    lead = (
        f"{numbers.counted(len(trials), 'trial')} of {job}, settings {HOW[config['proposals']]}, seed {config['seed']}"
    )
    return Page(
        title=f"advgen_ray: search over {job} on {data_name}",
        heading="Which settings make the difference?" if base else "Which settings are worth their cost?",
        data_name=data_name,
        version=version,
        answer=f"The best trial by {first.name}, {words}, reaches {first.written(best[first.metric])}.{front}",
        lead=lead + BECOMES[config["scheduler"]],
        key_figures=[
            KeyFigure(f"Best {one.name}", one.written(value), "", "", "", None, "")
            for one in objectives
            for value in [finished[one.metric].max() if one.maximize else finished[one.metric].min()]
        ],
        sections=[
            *([one_by_one_section(finished, config["space"], objectives, base)] if base else []),
            *([_front(finished, keys, objectives)] if objectives[1:] and not base else []),
            *([population_section(on_the_way, keys, objectives)] if on_the_way is not None else []),
            *([] if base else [_settings(finished, keys, objectives)]),
            Section("trials", "Trials", ends(trials), [_table(trials, keys, objectives), configs]),
        ],
    )


def objectives_of(config: Mapping[str, Any]) -> list[Objective]:
    """What is wanted, the first one ranks."""
    return [Objective(one["metric"], one["goal"] == "max") for one in config["objectives"]]


def _front(finished: pd.DataFrame, keys: list[str], objectives: list[Objective]) -> Section:
    figures = [
        Figure(
            f"{up.name[0].upper()}{up.name[1:]} against {across.name}",
            f"{numbers.count(len(finished))} trials that came to their end; the line joins those that no other one "
            "beats in both.",
            [pareto_panel(finished, across, up, keys, key) for key in keys],
            size="wide",
        )
        for up in objectives[:1]
        for across in objectives[1:]
    ]
    return Section("front", "The front", [], list(figures))


def _settings(finished: pd.DataFrame, keys: Sequence[str], objectives: Sequence[Objective]) -> Section:
    return Section("settings", "Settings and what they lead to", [], [parallel_figure(finished, keys, objectives)])


def parallel_figure(finished: pd.DataFrame, keys: Sequence[str], objectives: Sequence[Objective]) -> Figure:
    """Every trial that came to its end, the best first, as a line."""
    return Figure(
        "Parallel coordinates",
        f"One line a trial, coloured by {objectives[0].name}, the best one thick; what is to be small points down.",
        [parallel_panel(finished, keys, objectives)],
        size="full",
    )


def ends(trials: pd.DataFrame) -> list[str]:
    """How many trials came to their end, and why others did not."""
    counts = trials["status"].value_counts()
    finished, stopped = counts.get("finished", 0), counts.get("stopped", 0)
    told = [
        f"{numbers.counted(finished, 'trial')} came to {'its' if finished == 1 else 'their'} end, "
        f"{numbers.counted(stopped, 'was', 'were')} stopped early."
    ]
    mistakes = [text for text in trials["mistake"] if text]
    if counts.get("failed", 0):
        one = counts["failed"] == 1
        reason = f", for reasons in {'its log' if one else 'their logs'} under tune/"
        if mistakes:
            reason = f"; {'it' if one else 'the first'} says: {mistakes[0]}"
        told.append(f"{counts['failed']} failed{reason}.")
    return told


def _table(trials: pd.DataFrame, keys: list[str], objectives: list[Objective]) -> Table:
    rows = [
        [
            str(trial["trial"]),
            *(setting_text(trial[key]) for key in keys),
            *(one.written(trial[one.metric]) for one in objectives),
            "yes" if trial["on_front"] else "",
            numbers.percent(trial["progress"], 0),
            str(trial["status"]),
        ]
        for _, trial in trials.iterrows()
    ]
    columns = [*(setting_name(key, keys) for key in keys), *(one.name for one in objectives)]
    return Table(
        "Every trial",
        "Best first by the first objective, then those stopped early, with what they had reached.",
        ["trial", *columns, "front", "came to", "status"],
        rows,
    )
