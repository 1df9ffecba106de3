"""The job that classifies by distance: its accuracy is that of a sampler named beforehand, not of the best."""

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pandas as pd
import pytest

from advgen_ray.analysis.distance_classification import TimedSet
from advgen_ray.config.distance_classifier import ClassifyByDistanceConfig
from advgen_ray.stages import distance_classifier


def _rows(num_right: int) -> pd.DataFrame:
    """Twenty images of ten classes, so many of which lie nearest to counterfactuals of their own."""
    return pd.DataFrame(
        [
            {"source_id": f"i{image}", "source_label": image % 10, "y_target": target, "replicate": 0,
             "l2": 1.0 + (target != (image + (image >= num_right)) % 10)}
            for image in range(20) for target in range(10)
        ]
    )  # fmt: skip


def test_the_sampler_named_first_is_told_and_the_others_are_points_of_the_curve(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = ClassifyByDistanceConfig(output=str(tmp_path))
    right = dict(zip(config.samplers, (15, 19), strict=True))
    made: list[Any] = []

    def timed(part: Any, evaluations: int) -> TimedSet:
        return TimedSet(f"{part.sampler.num_steps} steps", _rows(right[part.sampler]), 40, 9.0)

    def prepare(part: Any) -> SimpleNamespace:
        made.append(part)
        return SimpleNamespace(finished=lambda: False)

    monkeypatch.setattr(distance_classifier, "load_score_model", lambda *_: SimpleNamespace(sde=None))
    monkeypatch.setattr(distance_classifier, "evaluations_of", lambda *_: 40)
    monkeypatch.setattr(distance_classifier.counterfactuals, "prepare", prepare)
    monkeypatch.setattr(distance_classifier.counterfactuals, "run_all", lambda parts: None)
    monkeypatch.setattr(distance_classifier, "_timed", timed)
    summary = distance_classifier.run(config)
    assert (summary["sampler"], summary["count"], summary["accuracy"]) == ("20 steps", 20, 0.75)
    assert [row["accuracy"] for row in summary["curves"]] == [0.75, 0.95]
    assert [one.sampler for one in made] == list(config.samplers), "checked before the work"
    assert json.loads((tmp_path / "summary.json").read_text()) == summary
