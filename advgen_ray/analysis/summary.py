"""``summary.json``: the study's numbers under fixed keys, fractions in [0, 1], null where there is no sample."""

import math
from collections.abc import Mapping
from typing import Any

import pandas as pd

from advgen_ray.analysis.proportion import Proportion
from advgen_ray.analysis.study import StudyTables


def summarize(tables: StudyTables, elapsed_seconds: Mapping[str, float]) -> dict[str, Any]:
    """Plain values, ready for JSON; the keys are a promise to whoever reads the file."""
    distance, standard_detector = tables.distance, tables.detectors[0]
    summary = {
        "data": tables.inputs.data_name,
        "classifiers": records(tables.robustness),
        "judge": records(tables.judge_robustness)[0],
        "counterfactuals": _counterfactuals(tables),
        "robust_on_counterfactuals": records(tables.accuracy),
        "effect": _effect(tables),
        "sources_with_a_valid_counterfactual_within_eps": [
            {"eps": eps, "num_sources": one.num_hits, "count": one.count}
            for eps, one in zip(tables.accuracy["eps"], tables.reach, strict=True)
        ],
        "confidence_vs_distance": records(tables.confidence),
        "variants": records(tables.quality),
        "realism": {
            name: {"frechet_of_judge_logits": one.distance, "standard_error": one.error, "count": one.count}
            for name, one in tables.realism.items()
        },
        "chains": records(tables.chains),
        "distance_classifier_accuracy": distance.accuracy.value if distance else None,
        "distance_classifier": _rate(distance.accuracy) if distance else None,
        "energy_detector": {
            "detection_rate": standard_detector.detection_rate,
            "false_positive_rate": standard_detector.false_positive_rate,
            "auc": standard_detector.auc,
            "energy_threshold": standard_detector.energy_threshold,
            "classifier": standard_detector.classifier,
            "attack_eps": standard_detector.attack_eps,
            "count": standard_detector.num_measured,
        },
        "elapsed_seconds": {name: round(seconds, 3) for name, seconds in elapsed_seconds.items()},
    }
    return {key: plain(value) for key, value in summary.items()}


def _counterfactuals(tables: StudyTables) -> dict[str, Any]:
    main = tables.inputs.main
    rows, different = main.rows, main.different_class
    low, high = tables.validity.interval
    return {
        "count": len(rows),
        "count_different_class": int(different.sum()),
        "num_sources": int(rows["source_id"].nunique()),
        "asked": {
            "num_sources": main.num_sources,
            "num_classes": len(tables.inputs.class_names),
            "replicates": main.replicates,
        },
        "validity_different_class": tables.validity.value,
        "validity_low": low,
        "validity_high": high,
        "mean_l2_different_class": rows.loc[different, "l2"].mean(),
        "mean_l2_same_class": rows.loc[~different, "l2"].mean(),
        "mean_l0": rows["l0"].mean(),
        "mean_l0_different_class": rows.loc[different, "l0"].mean(),
    }


def _effect(tables: StudyTables) -> dict[str, Any]:
    effect = tables.effect
    return {
        "value": effect.value,
        "low": effect.low,
        "high": effect.high,
        "robust": effect.robust,
        "standard": effect.standard,
        "robust_drop": effect.robust_drop,
        "standard_drop": effect.standard_drop,
        "num_sources": effect.num_sources,
    }


def _rate(rate: Proportion) -> dict[str, Any]:
    low, high = rate.interval
    return {"accuracy": rate.value, "low": low, "high": high, "count": rate.count}


def records(table: pd.DataFrame) -> list[dict[str, Any]]:
    """One mapping a row."""
    return [{str(key): value for key, value in row.items()} for row in table.to_dict("records")]


def plain(value: Any) -> Any:
    """Numpy scalars as Python's, nan and infinity as None (JSON has neither)."""
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    if hasattr(value, "item"):
        value = value.item()
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
