"""The sections of an ablation's page that say what each setting does."""

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from advgen_ray.analysis.ce_ablation import Change, Effect, effects, nearest_valid, rank_correlations, slice_of
from advgen_ray.report import numbers
from advgen_ray.report.ablation_words import OBJECTIVES, by_kind, written_value
from advgen_ray.report.blocks import Block, Figure, Section, Table
from advgen_ray.report.plots_ablation import slice_panels
from advgen_ray.report.search_words import KIND, setting_name, setting_text, settings_text

TITLES = {
    KIND: "Neighborhood", "neighborhood.sigma_ce": "Neighborhood scale sigma_CE", "guidance_scale": "Guidance w",
    "sampler.num_steps": "Sampling steps",
}  # fmt: skip
FLOORS = (0.95, 0.9, 0.8, 0.5, 0.0)  # of validity: the first that some trial reaches is the one asked for
BOLTZMANN_CLAIM = (
    "Boltzmann is the paper's form with a hardtanh, exact Boltzmann the score of the diffused density itself. Yeats et "
    "al. (figure 2) find Boltzmann counterfactuals of lower norm and sparser than Gaussian ones."
)


def floor_of(trials: pd.DataFrame) -> float:
    """The validity that a setting should reach to be worth its name, as far as any does."""
    return next(floor for floor in FLOORS if (trials["validity"] >= floor).any() or not floor)


def setting_sections(trials: pd.DataFrame, base: Mapping[str, Any]) -> list[Section]:
    """One for every setting that varies.

    Args:
        trials: as ``report.ablation_page`` takes them, with their front.
        base: the recipe's settings by dotted key.
    """
    varied = [key for key in base if trials[key].nunique() > 1]
    found = effects(trials, list(base), base)
    return [
        _neighborhood_section(trials, base, [one for one in found if one.key == key])
        if key == KIND
        else _setting_section(trials, base, key, [one for one in found if one.key == key])
        for key in varied
    ]


def _neighborhood_section(trials: pd.DataFrame, base: Mapping[str, Any], found: Sequence[Effect]) -> Section:
    floor = floor_of(trials)
    rows = []
    for label, some in by_kind(trials):
        best = nearest_valid(some, floor)
        settings = [numbers.MISSING] if best is None else [settings_text({k: best[k] for k in base if k != KIND})]
        values = ("validity", "l2_mean", "l0_mean")
        written = [numbers.MISSING] * 3 if best is None else [written_value(name, best[name]) for name in values]
        rows.append([label, *settings, *written, f"{len(some)}"])
    table = Table(
        f"Nearest counterfactuals at {numbers.percent(floor, 0)} validity or more",
        "The same sigma_CE is not the same constraint in two neighborhoods; at equal validity they can be compared.",
        ["Neighborhood", "setting", "validity", "mean L2", "mean L0", "of trials"],
        rows,
    )
    return Section("neighborhood", TITLES[KIND], [*map(effect_words, found), BOLTZMANN_CLAIM], [table])


def _setting_section(trials: pd.DataFrame, base: Mapping[str, Any], key: str, found: Sequence[Effect]) -> Section:
    others = [name for name in base if name != KIND]
    cut = slice_of(trials, others, key, base)
    joined = cut[key].nunique() > 1
    shown = cut if joined else trials
    held = {name: cut.iloc[0][name] for name in others if name != key and trials[name].nunique() > 1}
    words = f"At {settings_text(held)}" if held else "All else equal"
    caption = (
        f"{words}; {numbers.count(int(cut.iloc[0]['count']))} different-class counterfactuals a point. Dotted: the "
        "recipe's. Bars: 95% over sources."
        if joined
        else f"All {numbers.count(len(trials))} trials, whatever their other settings."
    )
    figure: Block = Figure(
        f"Along {setting_name(key)}", caption, slice_panels(shown, key, base[key], joined), size="small"
    )
    sentences = [effect_words(one) for one in found] or [_correlated(trials, key)]
    return Section(key.rpartition(".")[2].replace("_", "-"), TITLES.get(key, setting_name(key)), sentences, [figure])


def effect_words(effect: Effect) -> str:
    """What a setting does, over pairs of trials that differ in nothing else."""
    name, one, other = setting_name(effect.key), *(setting_text(v) for v in (effect.one, effect.other))
    step = (
        f"{other[0].upper()}{other[1:]} in place of {one}" if effect.key == KIND else f"{name}: from {one} to {other}"
    )
    pairs = f"{numbers.counted(effect.num_pairs, 'pair')} of trials"
    changes = "; ".join(_change(measure, change, effect.num_pairs) for measure, change in effect.changes.items())
    return f"{step}, all else equal ({pairs}): {changes}."


def _change(measure: str, change: Change, num_pairs: int) -> str:
    verb, times = ("rises", change.num_up) if change.mean > 0 else ("falls", change.num_down)
    unit = "" if measure == "l2_mean" else " points"
    amount, low, high = (_signed(measure, value) for value in (change.mean, change.low, change.high))
    if {amount, low, high} <= {_signed(measure, 0.0)}:
        return f"{OBJECTIVES[measure]} is the same to the digits shown"
    if num_pairs == 1:
        return f"{OBJECTIVES[measure]} {verb} by {amount.lstrip('+−')}{unit}"
    often = f"{verb} in {times} of {num_pairs}"
    if amount == _signed(measure, 0.0):
        often = f"rises in {change.num_up} and falls in {change.num_down} of {num_pairs}"
    return f"{OBJECTIVES[measure]} {often}, {amount}{unit} on average ({low} to {high})"


def _correlated(trials: pd.DataFrame, key: str) -> str:
    if not pd.api.types.is_numeric_dtype(trials[key]):
        return f"No two trials differ in {setting_name(key)} alone."
    told = ", ".join(
        f"{OBJECTIVES[name]} {numbers.signed(value)}" for name, value in rank_correlations(trials, key).items()
    )
    return (
        f"No two trials differ in {setting_name(key)} alone; its rank correlation over {numbers.count(len(trials))} "
        f"trials: {told}."
    )


def _signed(measure: str, value: float) -> str:
    return numbers.signed(value) if measure == "l2_mean" else numbers.signed_points(value)
