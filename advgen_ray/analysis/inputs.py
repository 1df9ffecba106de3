"""What a study hands to the analysis: the stored tables, and which rows of them are meant.

*Different-class* is a counterfactual whose ``y_target`` is not its source's label. A source is a clean image
from which counterfactuals were made. The *judge* is a standard classifier that took no part in anything else.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from advgen_ray.errors import UserError

ENERGY_COLUMNS = (
    "classifier", "classifier_eps", "classifier_seed", "view", "image_set", "image_id", "label", "source_label",
    "predicted", "correct", "confidence", "label_confidence", "energy_x", "energy_xy", "attack", "attack_eps",
    "attack_distance",
)  # fmt: skip
PGD = "pgd"  # the name of the attack that the accuracy tables and the detector rest on
COUNTERFACTUAL_COLUMNS = ("item_id", "source_id", "source_index", "source_label", "y_target", "replicate", "l2", "l0")


@dataclass(frozen=True)
class CounterfactualSet:
    """One stored set: ``rows`` without pictures, in item order."""

    name: str  # its directory's name, under which the energies know it
    label: str  # what a reader calls it: "Gaussian"
    rows: pd.DataFrame
    num_sources: int = 0  # as its plan asks, whatever the rows hold; 0 for a part of a set
    replicates: int = 0  # of each source and class, likewise

    @property
    def different_class(self) -> pd.Series:
        """Truth value of each row: its target is not the label of its source."""
        return self.rows["y_target"] != self.rows["source_label"]


@dataclass(frozen=True)
class StudyInputs:
    """Everything the tables are computed from; ``energies`` has the columns ``ENERGY_COLUMNS``.

    ``attacks`` are the settings of those in the energies, each with its ``label``, under which the rows know it.
    ``judge_logits`` has image_set, image_id, label and logits: what the judge makes of clean images and of
    counterfactuals.
    """

    data_name: str
    class_names: tuple[str, ...]
    energies: pd.DataFrame
    judge: str
    main: CounterfactualSet
    variants: tuple[CounterfactualSet, ...] = ()
    held_out: CounterfactualSet | None = None
    chains: tuple[CounterfactualSet, ...] = ()  # counterfactuals whose sources are counterfactuals
    judge_logits: pd.DataFrame | None = None
    attacks: tuple[Mapping[str, Any], ...] = ()


def classifier_names(energies: pd.DataFrame, judge: str) -> list[str]:
    """The classifiers of the study by rising training eps, then seed; the judge left out.

    Raises:
        UserError: there is none, or none is standard (eps 0), so that nothing can be compared with it.
    """
    models = energies[["classifier", "classifier_eps", "classifier_seed"]].drop_duplicates()
    models = models[models["classifier"] != judge].sort_values(["classifier_eps", "classifier_seed", "classifier"])
    if models.empty or float(models["classifier_eps"].iloc[0]) != 0.0:
        raise UserError(
            f"energies: expected a standard classifier (eps 0) besides the judge {judge!r}, "
            f"got {list(models['classifier']) or 'none'}; score one with classifiers=[...]"
        )
    return [str(name) for name in models["classifier"]]


def attack_radii(energies: pd.DataFrame) -> list[float]:
    """The radii at which PGD attacked, rising: the first is that of the accuracy tables, as in the papers."""
    radii = energies.loc[energies["attack"] == PGD, "attack_eps"].unique()
    return sorted(map(as_given, radii))


def attacked_rows(energies: pd.DataFrame, classifier: str, radius: float, attack: str = PGD) -> pd.DataFrame:
    """The test images that one attack changed at one radius, indexed by ``image_id``; raises as ``rows_of``."""
    meant = (energies["attack"] == attack) & np.isclose(energies["attack_eps"], radius)
    return rows_of(energies[meant], classifier, "attacked", "test")


def rows_of(energies: pd.DataFrame, classifier: str, view: str, image_set: str | None = None) -> pd.DataFrame:
    """The rows of one classifier and view (of one image set unless None), indexed by ``image_id``.

    Raises:
        UserError: there is no such row.
    """
    chosen = (energies["classifier"] == classifier) & (energies["view"] == view)
    if image_set is not None:
        chosen &= energies["image_set"] == image_set
    rows = energies[chosen]
    if rows.empty:
        of = f" of {image_set!r}" if image_set is not None else ""
        raise UserError(
            f"energies: no {view!r} rows{of} under classifier {classifier!r}; score them with score_energies first"
        )
    return rows.set_index("image_id")


def eps_of(rows: pd.DataFrame) -> float:
    """The training radius of the one classifier of ``rows``."""
    return as_given(rows["classifier_eps"].iloc[0])


def as_given(radius: float) -> float:
    """A radius stored as float32 without its tail, 0.3 rather than 0.300000012: the shortest of the same float32."""
    return float(str(np.float32(radius)))
