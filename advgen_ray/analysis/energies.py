"""Catalogue B3 and B4 (S003): energies of natural and attacked test images, and the detector that reads them."""

from dataclasses import dataclass

import pandas as pd

from advgen_ray.analysis.detector_comparison import halves
from advgen_ray.analysis.inputs import attacked_rows, eps_of, rows_of
from advgen_ray.detection.energy_detector import auroc, detection_score, fit_threshold, rates, roc
from advgen_ray.errors import UserError


@dataclass(frozen=True)
class EnergyPair:
    """Energies of the same test images, natural and attacked, under one classifier; row ``i`` is one image in both."""

    classifier: str
    eps: float
    attack_eps: float  # radius of the attack
    natural: pd.DataFrame  # energy_x, energy_xy, correct; indexed by image_id
    attacked: pd.DataFrame

    @property
    def count(self) -> int:
        """Number of images, each of which appears natural and attacked."""
        return len(self.natural)


@dataclass(frozen=True)
class Detector:
    """The energy detector under one classifier: adversarial is where E(x) <= energy_threshold (S003 eq. 9).

    Fitted on one of the ``halves`` of the images in the order of their ids, measured on the other.
    """

    classifier: str
    eps: float
    attack_eps: float
    energy_threshold: float
    detection_rate: float
    false_positive_rate: float
    auc: float
    num_fitted: int  # images, each natural and attacked
    num_measured: int
    roc: pd.DataFrame  # false_positive_rate, detection_rate over all thresholds, on the measured half


def energy_pair(energies: pd.DataFrame, classifier: str, attack_eps: float) -> EnergyPair:
    """The test images that were scored both natural and attacked at ``attack_eps``, sorted by id."""
    columns = ["classifier_eps", "energy_x", "energy_xy", "correct"]
    natural = rows_of(energies, classifier, "clean", "test")[columns]
    attacked = attacked_rows(energies, classifier, attack_eps)[columns]
    shared = natural.index.intersection(attacked.index).sort_values()
    return EnergyPair(classifier, eps_of(natural), attack_eps, natural.loc[shared], attacked.loc[shared])


def energy_table(pairs: list[EnergyPair]) -> pd.DataFrame:
    """One row a classifier: mean E(x) and E(x, y), natural and attacked, and the share of attacks that fool it."""
    return pd.DataFrame(
        [
            {
                "classifier": pair.classifier,
                "eps": pair.eps,
                "natural_energy_x": float(pair.natural["energy_x"].mean()),
                "attacked_energy_x": float(pair.attacked["energy_x"].mean()),
                "natural_energy_xy": float(pair.natural["energy_xy"].mean()),
                "attacked_energy_xy": float(pair.attacked["energy_xy"].mean()),
                "fooled": float((~pair.attacked["correct"].astype(bool)).mean()),
                "count": pair.count,
            }
            for pair in pairs
        ]
    )


def detector(pair: EnergyPair) -> Detector:
    """Fit the threshold by G-mean on one half of the images and measure it on the other.

    Raises UserError if there are fewer than two images, one for each half.
    """
    if pair.count < 2:
        raise UserError(f"energies: the detector needs 2 attacked test images or more, got {pair.count}")
    natural, attacked = (halves(detection_score(of["energy_x"])) for of in (pair.natural, pair.attacked))
    threshold = fit_threshold(natural.validation, attacked.validation)
    found, curve = rates(natural.test, attacked.test, threshold), roc(natural.test, attacked.test)
    return Detector(
        pair.classifier,
        pair.eps,
        pair.attack_eps,
        energy_threshold=-threshold,
        detection_rate=found.detection_rate,
        false_positive_rate=found.false_positive_rate,
        auc=auroc(natural.test, attacked.test),
        num_fitted=len(natural.validation),
        num_measured=len(natural.test),
        roc=pd.DataFrame({"false_positive_rate": curve.false_positive_rate, "detection_rate": curve.detection_rate}),
    )
