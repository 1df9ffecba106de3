"""Realism by the judge's logits: Gaussians of known distance, equal counts, and the error over sources."""

import numpy as np
import pandas as pd
import pytest

from advgen_ray.analysis.inputs import CounterfactualSet
from advgen_ray.analysis.realism import REAL, realism


def _set(name: str, num_sources: int, replicates: int = 1) -> CounterfactualSet:
    """Of each source, label 0, a counterfactual for every one of ten classes."""
    keys = [(s, t, r) for s in range(num_sources) for t in range(10) for r in range(replicates)]
    rows = pd.DataFrame(
        {
            "item_id": [f"s{s}/{t}/{r}" for s, t, r in keys],
            "source_id": [f"s{s}" for s, _, _ in keys],
            "source_label": 0,
            "y_target": [t for _, t, _ in keys],
            "replicate": [r for _, _, r in keys],
        }
    )
    return CounterfactualSet(name, name, rows)


def _logits(image_set: str, image_ids: list[str], shift: float, seed: int, scale: float = 1.0) -> pd.DataFrame:
    draws = np.random.default_rng(seed).normal(shift, scale, (len(image_ids), 3))
    return pd.DataFrame({"image_set": image_set, "image_id": image_ids, "logits": list(draws.astype(np.float32))})


def test_a_shift_is_told_from_none_and_real_images_are_the_floor() -> None:
    near, far = _set("near", 60), _set("far", 60, replicates=2)
    logits = pd.concat(
        [
            _logits("train", [f"train-{i}" for i in range(4000)], 0, 0),
            _logits("test", [f"test-{i}" for i in range(600)], 0, 1),
            _logits("near", list(near.rows["item_id"]), 0, 2),
            _logits("far", list(far.rows["item_id"]), 2, 3),
        ]
    )
    found = realism(logits, (near, far, _set("unscored", 60)))
    assert set(found) == {"near", "far", REAL}
    assert {one.count for one in found.values()} == {540}, "of nine other classes, one replicate"
    assert found["far"].distance == pytest.approx(3 * 2**2, rel=0.1), "|m_1 - m_2|^2 of three logits"
    assert found["near"].distance < 0.1
    assert found[REAL].distance < 0.1
    assert 0.05 < found["far"].error < 0.8
    assert found["near"].error < 0.1


def test_the_error_is_of_sources_not_of_counterfactuals() -> None:
    """Nine copies of one draw a source know no more than the draw."""
    one = _set("one", 40)
    train = _logits("train", [f"train-{i}" for i in range(4000)], 0, 0)
    apart = _logits("one", list(one.rows["item_id"]), 1, 1)
    copied = apart.assign(logits=[apart["logits"].iloc[10 * (i // 10)] for i in range(len(apart))])
    small, large = (realism(pd.concat([train, rows]), (one,))["one"].error for rows in (apart, copied))
    assert large > 2 * small


def test_without_logits_of_training_images_there_is_none() -> None:
    assert realism(_logits("test", ["a", "b"], 0, 0), (_set("one", 2),)) == {}
