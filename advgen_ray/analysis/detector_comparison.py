"""Catalogue B3 to B5 (S003 table 1, figure 3; S001 figure C): what each detector finds of each attack, and what not.

The positive class is adversarial. Thresholds are chosen on validation images only; every rate is of other images.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from advgen_ray.analysis.proportion import proportion
from advgen_ray.detection.energy_detector import auroc, detection_score, fit_threshold, rates


@dataclass(frozen=True)
class Split:
    """Values of the images that choose a threshold and of those it is measured on."""

    validation: np.ndarray
    test: np.ndarray


@dataclass(frozen=True)
class DetectorScores:
    """One detector's scores (higher: more adversarial) on natural images and on those of each attack, by its name."""

    natural: Split
    attacked: Mapping[str, Split]


def halves(values: ArrayLike) -> Split:
    """Values of even rank choose the threshold, the others are measured."""
    array = np.asarray(values)
    return Split(array[::2], array[1::2])


def compare_detectors(scores: Mapping[str, DetectorScores], fitted_on: str | None = None) -> pd.DataFrame:
    """One row a detector and attack, in the order given (S003 table 1).

    Columns: detector, attack, fitted_on, threshold, detection_rate, detection_low, detection_high (95% binomial
    interval), false_positive_rate, auroc, num_validation, num_test (attacked images). The threshold has the largest
    G-mean on the validation images, natural against those of the attack itself, or always those of the attack
    ``fitted_on``, as for a detector that meets the others unprepared.
    """
    rows = []
    for detector, of in scores.items():
        for attack, attacked in of.attacked.items():
            validation = of.attacked[fitted_on or attack].validation
            threshold = fit_threshold(of.natural.validation, validation)
            found = rates(of.natural.test, attacked.test, threshold)
            low, high = proportion(attacked.test >= threshold).interval
            rows.append(
                {
                    "detector": detector,
                    "attack": attack,
                    "fitted_on": fitted_on or attack,
                    "threshold": threshold,
                    "detection_rate": found.detection_rate,
                    "detection_low": low,
                    "detection_high": high,
                    "false_positive_rate": found.false_positive_rate,
                    "auroc": auroc(of.natural.test, attacked.test),
                    "num_validation": len(validation),
                    "num_test": len(attacked.test),
                }
            )
    return pd.DataFrame(rows)


def energy_separation(natural: pd.DataFrame, attacked: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """How far each attack's energies lie from natural ones (S001 figure C): one row an attack, in the order given.

    The tables hold energy_x, energy_xy and correct. Columns: attack; auroc_energy_x: chance that an attacked image has
    the lower E(x), as the energy detector assumes; auroc_energy_xy: chance that it has the higher E(x, y); both 0.5
    where the energies overlap fully. fooled, shift_energy_x, shift_energy_xy (of the means), count.
    """
    rows = []
    for attack, images in attacked.items():
        row: dict[str, object] = {"attack": attack}
        for energy, sign in (("energy_x", -1.0), ("energy_xy", 1.0)):
            row[f"auroc_{energy}"] = auroc(sign * natural[energy], sign * images[energy])
            row[f"shift_{energy}"] = float(images[energy].mean()) - float(natural[energy].mean())
        row["fooled"] = float((~images["correct"].astype(bool)).mean())
        rows.append(row | {"count": len(images)})
    return pd.DataFrame(rows)


def evasion(natural: pd.DataFrame, by_lambda: Mapping[float, pd.DataFrame]) -> pd.DataFrame:
    """High-Energy PGD against the energy detector, one row a lambda, rising (S003 section 5.2).

    The tables hold energy_x and correct of the same images in the same order; ``halves`` splits them. The threshold
    is the one chosen against the smallest lambda (0: plain PGD), of a detector that does not expect the others.

    Columns: lambda; success (share of images misclassified), detection_rate, undetected_success (misclassified and
    not flagged), mean_energy_x, natural_energy_x (mean), auroc, false_positive_rate, threshold, count; all of the test
    half. num_validation: images of the other half.
    """
    scores = {weight: halves(detection_score(by_lambda[weight]["energy_x"])) for weight in sorted(by_lambda)}
    expected = next(iter(scores.values()))
    of_natural = halves(detection_score(natural["energy_x"]))
    threshold = fit_threshold(of_natural.validation, expected.validation)
    rows = []
    for weight, attacked in scores.items():
        fooled = ~halves(by_lambda[weight]["correct"]).test.astype(bool)
        found = rates(of_natural.test, attacked.test, threshold)
        rows.append(
            {
                "lambda": weight,
                "success": float(fooled.mean()),
                "detection_rate": found.detection_rate,
                "undetected_success": float((fooled & (attacked.test < threshold)).mean()),
                "mean_energy_x": -float(attacked.test.mean()),
                "natural_energy_x": -float(of_natural.test.mean()),
                "auroc": auroc(of_natural.test, attacked.test),
                "false_positive_rate": found.false_positive_rate,
                "threshold": threshold,
                "count": len(attacked.test),
                "num_validation": len(attacked.validation),
            }
        )
    return pd.DataFrame(rows)
