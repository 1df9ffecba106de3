"""Realism by the judge's logits: Gaussians of known distance, equal counts, and the error over sources."""

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest
import torch

from advgen_ray.analysis import realism as module
from advgen_ray.analysis.inputs import CounterfactualSet
from advgen_ray.analysis.realism import REAL, class_weights, realism, weighted_moments
from advgen_ray.synthesis.frechet import Moments, frechet_distance, moments


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
    """Alike for all classes, which are 1 to 9 in turn."""
    draws = np.random.default_rng(seed).normal(shift, scale, (len(image_ids), 3))
    labels = 1 + np.arange(len(image_ids)) % 9
    return pd.DataFrame({"image_set": image_set, "image_id": image_ids, "label": labels, "logits": list(draws)})


def _of_classes(image_set: str, image_ids: list[str], labels: np.ndarray, seed: int) -> pd.DataFrame:
    """Logits that lie elsewhere for every class."""
    draws = np.random.default_rng(seed).normal(size=(len(labels), 3)) + 4 * np.eye(10)[labels][:, 1:4]
    return pd.DataFrame({"image_set": image_set, "image_id": image_ids, "label": labels, "logits": list(draws)})


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


def test_of_each_source_and_target_only_the_first_replicate_is_compared() -> None:
    one = _set("one", 20, replicates=2)
    train = _logits("train", [f"train-{i}" for i in range(900)], 0, 0)
    rows = _logits("one", list(one.rows["item_id"]), 0, 1)
    first = rows[rows["image_id"].str.endswith("/0")]
    whole = realism(pd.concat([train, rows]), (one,))["one"]
    assert whole == realism(pd.concat([train, first]), (_set("one", 20),))["one"]
    assert whole.count == 20 * 9


def test_sets_are_compared_at_the_number_that_all_of_them_have() -> None:
    sets = (_set("small", 20), _set("large", 60))
    train = _logits("train", [f"train-{i}" for i in range(900)], 0, 0)
    rows = [_logits(one.name, list(one.rows["item_id"]), 0, 1) for one in sets]
    assert {name: one.count for name, one in realism(pd.concat([train, *rows]), sets).items()} == {
        "small": 180, "large": 180,
    }  # fmt: skip


def test_the_error_is_of_sources_not_of_counterfactuals() -> None:
    """Nine copies of one draw a source know no more than the draw."""
    one = _set("one", 40)
    train = _logits("train", [f"train-{i}" for i in range(4000)], 0, 0)
    apart = _logits("one", list(one.rows["item_id"]), 1, 1)
    copied = apart.assign(logits=[apart["logits"].iloc[10 * (i // 10)] for i in range(len(apart))])
    small, large = (realism(pd.concat([train, rows]), (one,))["one"].error for rows in (apart, copied))
    assert large > 2 * small


def test_a_source_is_left_out_at_the_cost_of_its_own_images(monkeypatch: pytest.MonkeyPatch) -> None:
    """The error is that of distances of all the others, each computed anew; yet no image is read more than twice."""
    one = _set("one", 12)
    train = _logits("train", [f"train-{i}" for i in range(900)], 0, 0)
    rows = _logits("one", list(one.rows["item_id"]), 1, 1)
    kept = one.rows[one.rows["y_target"] != 0].merge(rows, left_on="item_id", right_on="image_id")
    logits, sources = np.stack(list(kept["logits"])), kept["source_id"].to_numpy()
    real = moments(torch.from_numpy(np.stack(list(train["logits"]))))
    direct = [frechet_distance(moments(torch.from_numpy(logits[sources != s])), real) for s in sorted(set(sources))]
    read: list[int] = []

    def counted(function: Callable[..., Moments]) -> Callable[..., Moments]:
        return lambda *inputs: (read.append(len(inputs[-1])), function(*inputs))[1]

    for name in ("moments", "moments_without"):
        monkeypatch.setattr(module, name, counted(getattr(module, name)))
    found = realism(pd.concat([train, rows]), (one,))["one"]
    assert found.error == pytest.approx(np.sqrt(11 / 12 * np.sum((direct - np.mean(direct)) ** 2)), rel=1e-9)
    assert sum(read) <= 2 * found.count


def test_other_class_proportions_are_no_distance() -> None:
    """Data of which half is of class 1, as real as counterfactuals of all nine targets alike."""
    one, rng = _set("one", 60), np.random.default_rng(5)
    shares = np.array([0, 0.5, *[0.0625] * 8])
    labels = {name: rng.choice(10, size, p=shares) for name, size in (("train", 8000), ("test", 2000))}
    clean = [_of_classes(name, [f"{name}-{i}" for i in range(len(own))], own, 1) for name, own in labels.items()]
    ces = _of_classes("one", list(one.rows["item_id"]), one.rows["y_target"].to_numpy(), 2)
    found = realism(pd.concat([*clean, ces]), (one,))
    assert set(found) == {"one", REAL}
    assert max(found["one"].distance, found[REAL].distance) < 0.1
    data, targets = (
        moments(torch.from_numpy(np.stack(list(rows["logits"])))) for rows in (clean[0], ces[ces["label"] > 0])
    )
    assert frechet_distance(targets, data) > 1, "which the proportions alone would be"


def test_real_images_that_run_out_are_no_floor() -> None:
    one = _set("one", 60)
    train, test = (
        _logits(name, [f"{name}-{i}" for i in range(size)], 0, 0) for name, size in (("train", 900), ("test", 539))
    )
    ces = _logits("one", list(one.rows["item_id"]), 0, 2)
    assert set(realism(pd.concat([train, test, ces]), (one,))) == {"one"}, "60 of each class are asked for"


def test_weights_of_classes_by_hand() -> None:
    labels, targets = np.array([0, 0, 0, 1]), np.array([0, 1, 1, 0, 1, 1])
    weights = class_weights(labels, targets)
    assert weights.tolist() == pytest.approx([4 / 9, 4 / 9, 4 / 9, 24 / 9])
    features = torch.tensor([[0.0], [0.0], [3.0], [5.0]], dtype=torch.float64)
    found = weighted_moments(features, weights)
    assert found.mean.item() == pytest.approx(4 / 9 * 3 / 4 + 24 / 9 * 5 / 4)
    even, plain = weighted_moments(features, np.ones(4)), moments(features)
    torch.testing.assert_close(even.mean, plain.mean)
    torch.testing.assert_close(even.covariance, plain.covariance)


def test_without_logits_of_training_images_there_is_none() -> None:
    assert realism(_logits("test", ["a", "b"], 0, 0), (_set("one", 2),)) == {}
