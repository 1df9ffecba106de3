"""All tables of a study at once: the one call between stored results and the report."""

from dataclasses import dataclass

import pandas as pd

from advgen_ray.analysis.ce_accuracy import Effect, accuracy_on_counterfactuals, measure_effect
from advgen_ray.analysis.ce_proximity import confidence_points, confidence_table
from advgen_ray.analysis.ce_quality import (
    class_distances,
    over_common_sources,
    quality_table,
    sources_in_reach,
    validity,
)
from advgen_ray.analysis.chains import chain_table, over_first_sources
from advgen_ray.analysis.clustered import Share
from advgen_ray.analysis.distance_classification import DistanceClassification, classify_by_distance
from advgen_ray.analysis.energies import Detector, EnergyPair, detector, energy_pair, energy_table
from advgen_ray.analysis.inputs import CounterfactualSet, StudyInputs, attack_radii, classifier_names
from advgen_ray.analysis.proportion import Proportion
from advgen_ray.analysis.realism import Realism, realism
from advgen_ray.analysis.robustness import robustness_table


@dataclass(frozen=True)
class StudyTables:
    """The papers' tables from one study; ``classifiers`` rise from the standard model to the largest eps."""

    inputs: StudyInputs
    classifiers: list[str]
    robustness: pd.DataFrame
    judge_robustness: pd.DataFrame
    accuracy: pd.DataFrame
    effect: Effect
    reach: list[Proportion]  # sources with a valid CE within a classifier's eps, one a classifier
    validity: Share
    confidence: pd.DataFrame
    points: dict[str, pd.DataFrame]
    compared: tuple[CounterfactualSet, ...]
    quality: pd.DataFrame
    realism: dict[str, Realism]  # by name of the set; empty where the judge's logits are not there
    class_distances: pd.DataFrame
    distance: DistanceClassification | None
    chained: tuple[CounterfactualSet, ...]  # of data first, then of counterfactuals; empty without them
    chains: pd.DataFrame
    pairs: list[EnergyPair]
    energy: pd.DataFrame
    detectors: list[Detector]  # one a classifier, under the strongest attack
    detectors_by_radius: list[Detector]  # of the standard model, one a radius, rising


def analyze(inputs: StudyInputs) -> StudyTables:
    """Compute every table; raises UserError naming the rows that a table needs and the energies do not hold."""
    energies, main = inputs.energies, inputs.main
    names = classifier_names(energies, inputs.judge)
    compared = over_common_sources(inputs.variants or (main,))
    radii = attack_radii(energies) or [0.0]  # none: energy_pair says what is missing
    chained = over_first_sources(main, inputs.chains) if inputs.chains else ()
    pairs = [energy_pair(energies, name, radii[-1]) for name in names]
    accuracy = accuracy_on_counterfactuals(energies, names, main)
    return StudyTables(
        inputs=inputs,
        classifiers=names,
        robustness=robustness_table(energies, names),
        judge_robustness=robustness_table(energies, [inputs.judge]),
        accuracy=accuracy,
        effect=measure_effect(energies, names, main),
        reach=[sources_in_reach(energies, inputs.judge, main, eps) for eps in accuracy["eps"]],
        validity=validity(energies, inputs.judge, main),
        confidence=confidence_table(energies, names, main),
        points={name: confidence_points(energies, name, main) for name in names},
        compared=compared,
        quality=quality_table(energies, inputs.judge, names[0], compared),
        realism={} if inputs.judge_logits is None else realism(inputs.judge_logits, compared),
        class_distances=class_distances(main),
        distance=classify_by_distance(inputs.held_out.rows) if inputs.held_out else None,
        chained=chained,
        chains=chain_table(chained) if chained else pd.DataFrame(),
        pairs=pairs,
        energy=energy_table(pairs),
        detectors=[detector(pair) for pair in pairs],
        detectors_by_radius=[detector(energy_pair(energies, names[0], radius)) for radius in radii],
    )
