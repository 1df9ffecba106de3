"""The page of an ablation of counterfactuals: the front of validity, distance and sparsity; what each setting does."""

from collections.abc import Mapping
from typing import Any

import pandas as pd

from advgen_ray.analysis.ce_ablation import DISTANCES, dominating, nearest_valid, with_front
from advgen_ray.analysis.estimate import half_width
from advgen_ray.report import numbers
from advgen_ray.report.ablation_sections import floor_of, setting_sections
from advgen_ray.report.ablation_words import by_kind, written_value
from advgen_ray.report.blocks import Figure, KeyFigure, Section, Table, full_config
from advgen_ray.report.page import Page
from advgen_ray.report.plots_ablation import front_panel
from advgen_ray.report.search_page import HOW, ends, objectives_of, parallel_figure
from advgen_ray.report.search_words import KIND, setting_name, setting_text, settings_text

COLORED_BY = ("guidance_scale", "neighborhood.sigma_ce")
MARKS = {"base": "The recipe's setting", "paper": "The paper's w and sigma_CE"}
DOUBTS = (
    "Distances are of all different-class counterfactuals, those that the judge rejects too: a setting that hardly "
    "moves an image is near, sparse and convinces nobody, and the front begins there.",
    "All trials start from the same images and draw the same noise. Intervals are of one trial each and speak of other "
    "images; a difference between two trials is more certain than their intervals suggest.",
    "Of so many trials some are on the front by chance, and some just off it that belong there.",
    "One score model, one judge: with others the figures move.",
)


def ablation_page(trials: pd.DataFrame, base: Mapping[str, Any], config: Mapping[str, Any], version: str) -> Page:
    """The page.

    Args:
        trials: as ``stages.search_results.trial_table`` makes them; the front is that of validity, L2 and L0 here,
            whatever the search's own objectives.
        base: the recipe's settings by dotted key.
        config: the search's.
        version: of advgen_ray.
    """
    told, ranked = ends(trials), trials[trials["status"] == "finished"]
    trials = with_front(ranked.sort_values(list(base), ignore_index=True))
    data_name, shown, objectives = config["base"]["data"]["name"], _shown(trials, base), objectives_of(config)
    settings = full_config("search", config)
    first = trials.iloc[0]
    proposed = HOW[config["proposals"]]
    if config["proposals"] == "optuna":
        proposed += f" for {', '.join(one.name for one in objectives)} at once"
    return Page(
        title=f"advgen_ray: ablation of counterfactuals on {data_name}",
        heading="Which settings make counterfactuals near, sparse and convincing?",
        data_name=data_name,
        version=version,
        answer=_answer(trials, base),
        lead=f"{numbers.counted(len(trials), 'setting')}, {proposed}; {numbers.count(int(first['count']))} "
        f"different-class counterfactuals of the same {numbers.count(int(first['num_sources']))} images each, "
        "read by a classifier "
        "that took no part in making them.",
        key_figures=_key_figures(trials, base),
        sections=[
            _front_section(trials, base),
            Section("settings", "Settings and what they lead to", [], [parallel_figure(ranked, shown, objectives)]),
            *setting_sections(trials, base),
            Section("trials", "Trials", told, [_table(trials, shown), _distances(trials, shown)]),
            Section("doubts", "What to keep in mind", list(DOUBTS), []),
            Section("run", "What was run", [], [settings]),
        ],
    )


def _answer(trials: pd.DataFrame, base: Mapping[str, Any]) -> str:
    floor = floor_of(trials)
    best = nearest_valid(trials, floor)
    assert best is not None, "a floor that no trial reaches is not taken"
    beside = [
        f"{numbers.decimal(one['l2_mean'])} at {label} (valid {numbers.percent(one['validity'])})"
        for label, one in _marked(trials)
    ]
    return (
        f"At a validity of {numbers.percent(floor, 0)} or more the nearest counterfactuals come from "
        f"{settings_text({key: best[key] for key in _shown(trials, base)})}: mean L2 "
        f"{numbers.decimal(best['l2_mean'])}"
        f"{', beside ' + ' and '.join(beside) if beside else ''}."
    )


def _marked(trials: pd.DataFrame) -> list[tuple[str, pd.Series]]:
    """The recipe's trial and the paper's, if they are there; one that is both comes once."""
    found: list[tuple[str, pd.Series]] = []
    for name, label in MARKS.items():
        for where, trial in trials[trials[name]].iterrows():
            if where not in [one.name for _, one in found]:
                found.append((label[0].lower() + label[1:], trial))
    return found


def _shown(trials: pd.DataFrame, base: Mapping[str, Any]) -> list[str]:
    """The settings that a trial is told by: those that vary."""
    return [key for key in base if trials[key].nunique() > 1] or [KIND]


def _key_figures(trials: pd.DataFrame, base: Mapping[str, Any]) -> list[KeyFigure]:
    floor, shown = floor_of(trials), _shown(trials, base)
    found = []
    for title, by in (("Nearest", "l2_mean"), ("Sparsest", "l0_mean")):
        best = nearest_valid(trials, floor, by)
        assert best is not None, "a floor that no trial reaches is not taken"
        value, unit = (numbers.decimal(best[by]), "L2") if by == "l2_mean" else (numbers.percent(best[by]), "L0")
        other = (
            f"L0 {numbers.percent(best['l0_mean'])}" if by == "l2_mean" else f"L2 {numbers.decimal(best['l2_mean'])}"
        )
        detail = (
            f"{settings_text({key: best[key] for key in shown})}; valid {numbers.percent(best['validity'])}, {other}"
        )
        title = f"{title} at {numbers.percent(floor, 0)} validity or more"
        found.append(KeyFigure(title, value, unit, detail, "", None, ""))
    for label, trial in _marked(trials):
        detail = (
            f"valid {numbers.percent(trial['validity'])}, L0 {numbers.percent(trial['l0_mean'])}: "
            f"{settings_text({key: trial[key] for key in shown})}"
        )
        title = label[0].upper() + label[1:]
        found.append(KeyFigure(title, numbers.decimal(trial["l2_mean"]), "L2", detail, "", None, ""))
    value = f"{int(trials['on_front'].sum())} of {len(trials)}"
    found.append(KeyFigure("On the front", value, "trials", "in validity, mean L2 and mean L0 at once", "", None, ""))
    return found


def _front_section(trials: pd.DataFrame, base: Mapping[str, Any]) -> Section:
    front = trials[trials["on_front"]]
    kinds = ", ".join(f"{int(some['on_front'].sum())} of {len(some)} {label}" for label, some in by_kind(trials))
    floor = floor_of(trials)
    reach = int((front["validity"] >= floor).sum())
    sentences = [
        f"{numbers.count(len(front))} of {numbers.counted(len(trials), 'trial')} "
        f"{'is' if len(front) == 1 else 'are'} on the front: no other one is as valid, as near and as sparse at "
        f"once. {reach} of them "
        f"{'reaches' if reach == 1 else 'reach'} a validity of {numbers.percent(floor, 0)}. By neighborhood: {kinds}."
    ]
    sentences += [_place(trials, base, label, trial) for label, trial in _marked(trials)]
    colored = [key for key in COLORED_BY if trials[key].nunique() > 1] or [COLORED_BY[0]]
    figures = [
        Figure(
            f"Validity, distance and sparsity by {setting_name(key)}",
            "One point a trial; better is up and to the left. Ringed: on the front of all three, so that a point "
            "beaten in one panel may stand by the other. The axis of validity is stretched towards 100%.",
            [front_panel(trials, distance, key) for distance in ("l2_mean", "l0_mean")],
            size="wide",
        )
        for key in colored
    ]
    return Section("front", "The front", sentences, list(figures))


def _place(trials: pd.DataFrame, base: Mapping[str, Any], label: str, trial: pd.Series) -> str:
    """Where a marked setting lies: on the front, or beaten by which trial."""
    values = (
        f"validity {numbers.with_interval(trial['validity'], trial['validity_low'], trial['validity_high'])}, mean L2 "
        f"{numbers.decimal(trial['l2_mean'])}, mean L0 {numbers.percent(trial['l0_mean'])}"
    )
    start = f"{label[0].upper()}{label[1:]} ({settings_text({key: trial[key] for key in base})}): {values}"
    better = dominating(trials, trial)
    if better.empty:
        return f"{start}; on the front."
    best = better.sort_values("l2_mean", kind="stable").iloc[0]
    told = ", ".join(written_value(name, best[name]) for name in ("validity", "l2_mean", "l0_mean"))
    return (
        f"{start}; {len(better)} other{'s are' if len(better) > 1 else ' is'} at least as good in all three, the "
        f"nearest of them {settings_text({key: best[key] for key in _shown(trials, base)})} ({told})."
    )


def _table(trials: pd.DataFrame, shown: list[str]) -> Table:
    rows = []
    for _, trial in _in_order(trials):
        l2, l0 = (float(half_width(trial[f"{name}_se"], trial["num_sources"])) for name in ("l2", "l0"))
        rows.append(
            [
                *(setting_text(trial[key]) for key in shown),
                "yes" if trial["on_front"] else "",
                numbers.with_interval(trial["validity"], trial["validity_low"], trial["validity_high"]),
                f"{numbers.decimal(trial['l2_mean'])} ± {numbers.decimal(l2)}",
                f"{numbers.percent(trial['l0_mean'])} ± {numbers.decimal(100 * l0, 1)}",
                f"{int(trial['network_evaluations'])}",
                numbers.decimal(trial["seconds_per_ce"], 3),
                " and ".join(name for mark, name in (("base", "recipe"), ("paper", "paper")) if trial[mark]),
            ]
        )
    columns = [*map(setting_name, shown), "front", "validity (95%)", "mean L2", "mean L0", "evaluations"]
    return Table(
        "Every trial",
        "Those on the front first, then by validity; 95% over sources. Evaluations: images that the network "
        "is given for one counterfactual. Seconds: on what a trial was given, beside the others that ran with it.",
        [*columns, "seconds a CE", "setting of"],
        rows,
    )


def _distances(trials: pd.DataFrame, shown: list[str]) -> Table:
    def written(trial: pd.Series, name: str) -> str:
        mean, *quartiles = (
            numbers.percent(value, 0) if name == "l0" else numbers.decimal(value)
            for value in (trial[f"{name}_{at}"] for at in ("mean", "q25", "median", "q75"))
        )
        return f"{mean} ({', '.join(quartiles)})"

    rows = [
        [
            *(setting_text(trial[key]) for key in shown),
            *(written(trial, name) for name in DISTANCES),
            trial["trial"],
        ]
        for _, trial in _in_order(trials)
    ]
    return Table(
        "Their distances",
        "Mean, and lower quartile, median and upper quartile, over different-class counterfactuals, in the same order. "
        "The set of a trial lies under trials/ by its name.",
        [*map(setting_name, shown), *(name.capitalize() for name in DISTANCES), "trial"],
        rows,
    )


def _in_order(trials: pd.DataFrame) -> list[tuple[Any, pd.Series]]:
    return list(trials.sort_values(["on_front", "validity"], ascending=False, kind="stable").iterrows())
