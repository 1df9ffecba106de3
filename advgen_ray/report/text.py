"""The study on one screen of a terminal."""

import math
from collections.abc import Mapping
from typing import Any

from advgen_ray.report import numbers


def summary_text(summary: Mapping[str, Any]) -> str:
    """A plain table of ``summary.json``'s main numbers."""
    on_ces = {row["classifier"]: row for row in summary["robust_on_counterfactuals"]}
    r2 = {row["classifier"]: row["r2"] for row in summary["confidence_vs_distance"]}
    lines = [
        f"{'training':<10}{'clean':>8}{'PGD':>8}{'same-class':>12}{'diff.-class':>13}{'source label':>14}{'r2':>7}"
    ]
    for row in summary["classifiers"]:
        ce = on_ces[row["classifier"]]
        lines.append(
            f"{'eps ' + numbers.eps(row['eps']):<10}"
            f"{_percent(row['clean_accuracy']):>8}{_percent(row['pgd_accuracy']):>8}"
            f"{_percent(ce['same_class_accuracy']):>12}{_percent(ce['different_class_accuracy']):>13}"
            f"{_percent(ce['source_label_rate']):>14}{_decimal(r2[row['classifier']]):>7}"
        )
    ces, effect, detector = summary["counterfactuals"], summary["effect"], summary["energy_detector"]
    lines += [
        "",
        f"{'counterfactuals':<24}{numbers.count(ces['count'])}, valid {_percent(ces['validity_different_class'])}, "
        f"L2 {_decimal(ces['mean_l2_different_class'])} (same class {_decimal(ces['mean_l2_same_class'])})",
        f"{'effect':<24}{_points(effect['value'])} points ({_points(effect['low'])} to {_points(effect['high'])})",
        f"{'class by distance':<24}{_percent(summary['distance_classifier_accuracy'])}",
        f"{'energy detector':<24}{_percent(detector['detection_rate'])} found, "
        f"{_percent(detector['false_positive_rate'])} false alarms",
    ]
    return "\n".join(lines)


def _number(value: float | None) -> float:
    return math.nan if value is None else value


def _percent(value: float | None) -> str:
    return numbers.percent(_number(value))


def _decimal(value: float | None) -> str:
    return numbers.decimal(_number(value))


def _points(value: float | None) -> str:
    return numbers.signed_points(_number(value))
