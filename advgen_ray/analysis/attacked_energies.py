"""Catalogue B2, B3, B5 (S003 figures 2 and 3; S001 figures A to C): energies of the same images under many attacks.

Attacks are told by their settings (``kind``, ``objective``, ``num_steps``, ``energy_weight``, ...) and by ``label``,
under which the energies know them. Those that differ in their number of steps alone are a *ladder*; those that differ
in ``energy_weight`` alone, the lambda of HE-PGD, are a *sweep*. Of a ladder the highest rung stands beside the other
attacks, of a sweep the middle one.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pandas as pd

from advgen_ray.analysis.detector_comparison import energy_separation, evasion
from advgen_ray.analysis.energy_by_steps import energy_by_steps
from advgen_ray.analysis.inputs import attacked_rows, rows_of

Attack = Mapping[str, Any]
MIN_MEMBERS = 3  # of a ladder or a sweep: two points are no curve
ASIDE = ("name", "label", "step_size")  # settings that may differ within a ladder or a sweep


@dataclass(frozen=True)
class AttackedEnergies:
    """What a set of energies says of its attacks; parts for which it has no attacks are empty."""

    by_steps: dict[str, pd.DataFrame]  # as of ``energy_by_steps``, by attack or, of one classifier, by classifier
    separation: dict[str, pd.DataFrame]  # by classifier, as of ``energy_separation``: every attack once
    sweeps: dict[str, pd.DataFrame] = field(default_factory=dict)  # by classifier, as of ``evasion``
    natural: dict[str, pd.DataFrame] = field(default_factory=dict)  # by classifier: rows of the natural images
    attacked: dict[str, dict[str, pd.DataFrame]] = field(default_factory=dict)  # by classifier and attack


def attacked_energies(energies: pd.DataFrame, attacks: Sequence[Attack]) -> AttackedEnergies:
    """Compute every part from the stored energies of one set and the attacks of its config."""
    classifiers = [str(name) for name in energies["classifier"].unique()]
    ladders, sweeps = families(attacks, "num_steps"), families(attacks, "energy_weight")
    members = {id(one) for family in ladders + sweeps for one in family}
    chosen = _chosen(ladders, sweeps)
    shown = [one for one in attacks if id(one) not in members or id(one) in chosen]
    rows = {name: rows_of(energies, name, "clean", "test") for name in classifiers}
    attacked = {name: {_name(one, shown): _rows(energies, name, one) for one in shown} for name in classifiers}
    return AttackedEnergies(
        by_steps=_by_steps(energies, rows, ladders),
        separation={name: energy_separation(rows[name], attacked[name]) for name in classifiers if shown},
        sweeps={name: _sweep(energies, name, sweep, rows[name]) for name in classifiers for sweep in sweeps[:1]},
        natural=rows,
        attacked=attacked,
    )


def families(attacks: Sequence[Attack], key: str) -> list[list[Attack]]:
    """Attacks that differ in ``key`` (and their names) alone, rising in it; families of fewer than three are none.

    Only HE-PGD has a lambda: other attacks, which do not read it, are no sweep. Of two with one value the first counts.
    """
    groups: dict[str, dict[Any, Attack]] = {}
    for attack in attacks:
        if key == "energy_weight" and attack["objective"] != "high_energy":
            continue
        rest = {name: value for name, value in attack.items() if name not in (key, *ASIDE)}
        groups.setdefault(str(sorted(rest.items())), {}).setdefault(attack[key], attack)
    return [[group[value] for value in sorted(group)] for group in groups.values() if len(group) >= MIN_MEMBERS]


def _chosen(ladders: Sequence[Sequence[Attack]], sweeps: Sequence[Sequence[Attack]]) -> set[int]:
    """Who stands for each family, by id: one that ends a ladder and is in a sweep stands for both."""
    ends = {id(ladder[-1]) for ladder in ladders}
    middles = {id(sweep[len(sweep) // 2]) for sweep in sweeps if not ends & {id(one) for one in sweep}}
    return ends | middles


def _by_steps(
    energies: pd.DataFrame, natural: Mapping[str, pd.DataFrame], ladders: Sequence[Sequence[Attack]]
) -> dict[str, pd.DataFrame]:
    """A table an attack, in which classifiers are compared; of a single classifier one table, of its attacks."""
    parts = []
    for ladder in ladders:
        attack = _ladder_name(ladder, ladders)
        for classifier, rows in natural.items():
            rungs = [rows.assign(num_steps=0)]
            rungs += [_rows(energies, classifier, one).assign(num_steps=one["num_steps"]) for one in ladder]
            columns = ["num_steps", "energy_x", "energy_xy", "correct"]
            parts.append(pd.concat(rungs)[columns].assign(classifier=classifier, attack=attack))
    if not parts:
        return {}
    table, series = ("classifier", "attack") if len(natural) == 1 else ("attack", "classifier")
    return {
        str(name): energy_by_steps(rows.rename(columns={series: "series"}))
        for name, rows in pd.concat(parts).groupby(table, sort=False)
    }


def _sweep(energies: pd.DataFrame, classifier: str, sweep: Sequence[Attack], natural: pd.DataFrame) -> pd.DataFrame:
    by_lambda = {one["energy_weight"]: _rows(energies, classifier, one) for one in sweep}
    shared = sorted(natural.index.intersection(next(iter(by_lambda.values())).index))
    return evasion(natural.loc[shared], {weight: rows.loc[shared] for weight, rows in by_lambda.items()})


def _rows(energies: pd.DataFrame, classifier: str, attack: Attack) -> pd.DataFrame:
    return attacked_rows(energies, classifier, attack["eps"], attack["label"])


def _name(attack: Attack, among: Sequence[Attack]) -> str:
    """The label, with the radius where several have it."""
    alike = [one for one in among if one["label"] == attack["label"]]
    return str(attack["label"]) if len(alike) == 1 else f"{attack['label']} at {attack['eps']:g}"


def _ladder_name(ladder: Sequence[Attack], among: Sequence[Sequence[Attack]]) -> str:
    """What it ascends, with the settings in which others that ascend the same differ: ``PGD at 2, start image``."""
    attack, name = ladder[0], objective_name(ladder[0])
    alike = [one[0] for one in among if objective_name(one[0]) == name]
    apart = [key for key in attack if key not in ("num_steps", *ASIDE) and len({one[key] for one in alike}) > 1]
    radius = f" at {attack['eps']:g}" if "eps" in apart else ""
    return ", ".join([name + radius, *(_setting(key, attack[key]) for key in apart if key != "eps")])


def _setting(key: str, value: Any) -> str:
    """A setting as a name tells it: ``targeted``, ``start image``, ``restarts 5``."""
    words = key.removeprefix("num_").replace("_", " ")
    return f"{words} {value}" if not isinstance(value, bool) else words if value else f"not {words}"


def objective_name(attack: Attack) -> str:
    """What a ladder is called: by what it ascends."""
    if attack["kind"] != "pgd":
        return str(attack["kind"]).upper()
    weight = f" lambda {attack['energy_weight']:g}" if attack["objective"] == "high_energy" else ""
    return {"cross_entropy": "PGD", "kl": "PGD on KL", "margin": "PGD on margin", "dlr": "PGD on DLR"}.get(
        attack["objective"], f"HE-PGD{weight}"
    )
