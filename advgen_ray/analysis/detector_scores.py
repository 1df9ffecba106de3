"""Catalogue B4 (S003 table 1): from what was stored of each image to every detector's scores, rates and curves.

Regressions and thresholds are fitted here, on stored validation images, so that another look costs no network pass.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from advgen_ray.analysis.detector_comparison import DetectorScores, Split, compare_detectors
from advgen_ray.detection.energy_detector import Roc, detection_score, roc
from advgen_ray.detection.logistic import fit_logistic


@dataclass(frozen=True)
class DetectorInputs:
    """What was stored of the same images in every version: ``half``, ``correct``, ``energy_x`` and detector columns.

    Each table is indexed by ``image_id``; ``attacked`` and ``noisy`` (images with random noise as large as the
    attack's; empty where there are none) are keyed by the attack as a reader calls it.
    """

    natural: pd.DataFrame
    attacked: Mapping[str, pd.DataFrame]
    noisy: Mapping[str, pd.DataFrame]


def detector_inputs(rows: pd.DataFrame, attacks: Mapping[tuple[str, float], str]) -> DetectorInputs:
    """Sort stored rows by version. ``attacks`` gives each (attack, attack_eps) the name under which it is reported."""
    of_view = {view: table.set_index("image_id") for view, table in rows.groupby("view")}

    def by_attack(view: str) -> dict[str, pd.DataFrame]:
        table = of_view.get(view)
        if table is None:
            return {}
        chosen = {
            name: table[(table["attack"] == attack) & np.isclose(table["attack_eps"], eps)]
            for (attack, eps), name in attacks.items()
        }
        return {name: one for name, one in chosen.items() if len(one)}

    return DetectorInputs(of_view["natural"], by_attack("attacked"), by_attack("noisy"))


def only_fooled(inputs: DetectorInputs) -> DetectorInputs:
    """The images that the classifier gets right, and of their attacked versions those that it gets wrong.

    What Feinman et al. and Ma et al. count; S003 does not say.
    """
    right = inputs.natural.index[inputs.natural["correct"]]

    def kept(table: pd.DataFrame) -> pd.DataFrame:
        return table[table.index.isin(right)]

    return DetectorInputs(
        kept(inputs.natural),
        {name: kept(table)[~kept(table)["correct"].astype(bool)] for name, table in inputs.attacked.items()},
        {name: kept(table) for name, table in inputs.noisy.items()},
    )


@dataclass(frozen=True)
class Comparison:
    """Rates of every detector on every attack, and the curves behind them."""

    table: pd.DataFrame  # that of ``compare_detectors``, and noisy_positive_rate: of noisy images flagged (or nan)
    curves: Mapping[tuple[str, str], Roc]  # by detector and attack, on the test images

    def row(self, detector: str, attack: str) -> pd.Series:
        """The rates of one detector on one attack."""
        table = self.table
        found: pd.Series = table[(table["detector"] == detector) & (table["attack"] == attack)].iloc[0]
        return found


def compare(inputs: DetectorInputs, detectors: Mapping[str, str], fitted_on: str | None = None) -> Comparison:
    """Fit on the validation images, measure on the others.

    ``detectors`` maps a name to its column: ``energy_x`` is a score as it is, any other column holds lists that go
    into a logistic regression, with noisy images among the natural ones where there are any. Each detector is fitted
    on the attack that it is measured on, or always on ``fitted_on``. An attack of which one half has no image
    (``only_fooled`` of one that fools nobody) has no row.
    """
    attacks = [name for name, table in inputs.attacked.items() if set(table["half"]) == {"validation", "test"}]
    tables, curves = [], {}
    for detector, column in detectors.items():
        for attack in attacks:
            scores, noisy = _scores(inputs, column, fitted_on or attack, attack)
            if fitted_on:
                prepared, _ = _scores(inputs, column, fitted_on, fitted_on)
                scores = replace(scores, attacked={**prepared.attacked, **scores.attacked})
            table = compare_detectors({detector: scores}, fitted_on)
            table = table[table["attack"] == attack]
            flagged = float("nan") if noisy is None else float((noisy >= table["threshold"].iloc[0]).mean())
            tables.append(table.assign(noisy_positive_rate=flagged))
            curves[detector, attack] = roc(scores.natural.test, scores.attacked[attack].test)
    return Comparison(pd.concat(tables, ignore_index=True) if tables else pd.DataFrame(), curves)


def _scores(
    inputs: DetectorInputs, column: str, fitted_on: str, attack: str
) -> tuple[DetectorScores, np.ndarray | None]:
    """Scores of natural and attacked images by a detector fitted on ``fitted_on``; those of noisy test images."""
    tables = [inputs.natural, inputs.attacked[attack], *([inputs.noisy[attack]] if attack in inputs.noisy else [])]
    if column == "energy_x":
        values = [detection_score(table[column]) for table in tables]
    else:
        negatives = [inputs.natural, *([inputs.noisy[fitted_on]] if fitted_on in inputs.noisy else [])]
        fitted = fit_logistic(
            np.concatenate([_listed(_half(table, "validation"), column) for table in negatives]),
            _listed(_half(inputs.attacked[fitted_on], "validation"), column),
        )
        values = [fitted.detection_score(_listed(table, column)) for table in tables]
    natural, attacked, *noisy = [_split(table, scores) for table, scores in zip(tables, values, strict=True)]
    return DetectorScores(natural, {attack: attacked}), noisy[0].test if noisy else None


def _listed(table: pd.DataFrame, column: str) -> np.ndarray:
    return np.stack(list(table[column]))


def _half(table: pd.DataFrame, half: str) -> pd.DataFrame:
    return table[table["half"] == half]


def _split(table: pd.DataFrame, scores: np.ndarray) -> Split:
    validation = (table["half"] == "validation").to_numpy()
    return Split(scores[validation], scores[~validation])


def names_of(detectors: Sequence[str], has_dropout: bool) -> dict[str, str]:
    """What the detectors of a config are called, and the column of each: KD+BU is KD alone without dropout."""
    density = "KD+BU" if has_dropout else "KD"
    known = {"energy": ("Energy", "energy_x"), "kd_bu": (density, "kd_bu"), "lid": ("LID", "lid")}
    return dict(known[detector] for detector in detectors)
