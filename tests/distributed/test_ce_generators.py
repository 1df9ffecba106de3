"""Counterfactuals by classifiers and of counterfactuals: the same rows as any set, under the same promises."""

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
import torch

from advgen_ray.config import CounterfactualsConfig, DVCEConfig, GenerateByClassifierConfig
from advgen_ray.data import datasets
from advgen_ray.diffusion.vp_sde import VPSDE
from advgen_ray.distributed.ce_generators import evaluations_of
from advgen_ray.distributed.ce_sources import load_sources
from advgen_ray.distributed.counterfactual_rows import CounterfactualRows
from advgen_ray.errors import UserError
from advgen_ray.models.unet import UNet
from advgen_ray.stages.counterfactuals import prepare
from advgen_ray.storage import ResultSet
from advgen_ray.storage.schemas import column_to_images
from advgen_ray.storage.validate import validate
from advgen_ray.training.model_directory import load_model
from tests.classifier_jobs import CPU, fill
from tests.models_on_disk import by_classifier_config, generate_config, save_classifier, save_score_model

SHAPE = (1, 8, 8)


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("models")
    save_classifier(root / "standard" / "model", num_steps=60)
    save_classifier(root / "robust" / "model", eps=1.0, seed=1, num_steps=60)
    save_score_model(root / "score_model")
    return root


def _made(config: CounterfactualsConfig) -> ResultSet:
    """The finished set, made without Ray."""
    result_set = prepare(config)
    fill(result_set, CounterfactualRows(config, result_set, CPU))
    return result_set


def _ascent(models: Path, output: Path, **changes: Any) -> GenerateByClassifierConfig:
    return by_classifier_config(str(models / "standard" / "model"), output, **changes)


def _dvce(models: Path, output: Path, **changes: Any) -> GenerateByClassifierConfig:
    method = DVCEConfig(score_model=str(models / "score_model"), num_steps=4)
    cone = method.model_copy(update={"cone_classifier": str(models / "robust" / "model")})
    return _ascent(models, output, method=cone, **changes)


def _images(result_set: ResultSet) -> np.ndarray:
    return result_set.images("x_ce")


def test_ascent_convinces_its_classifier_and_keeps_every_promise_of_a_set(models: Path, tmp_path: Path) -> None:
    result_set = _made(_ascent(models, tmp_path / "ce"))
    rows = result_set.read()
    assert validate(result_set.uri)["rows"] == 30
    assert rows["item_id"].to_pylist()[:2] == ["digits-train-000000/0/0", "digits-train-000000/1/0"]
    assert set(rows["model_digest"].to_pylist()) == {result_set.plan["inputs"]["classifier"]}
    logits = load_model(models / "standard" / "model").model(torch.from_numpy(_images(result_set)))
    seen = logits.softmax(1)[torch.arange(30), torch.tensor(rows["y_target"].to_pylist())]
    assert (seen >= 0.9 - 1e-4).float().mean() > 0.9  # the others ran out of steps


@pytest.mark.parametrize("make", [_ascent, _dvce])
def test_batches_decide_nothing(models: Path, tmp_path: Path, make: Any) -> None:
    one = _images(_made(make(models, tmp_path / "a")))
    other = _images(_made(make(models, tmp_path / "b", batch_size=7, shard_images=11)))
    np.testing.assert_allclose(one, other, atol=2e-5, rtol=0)
    again = _images(_made(make(models, tmp_path / "c")))
    assert np.array_equal(one, again)


def test_the_cone_and_the_weights_reach_the_images(models: Path, tmp_path: Path) -> None:
    cone = _dvce(models, tmp_path / "cone")
    seen = [_images(_made(cone))]
    for i, change in enumerate([{"cone_classifier": ""}, {"distance_weight": 0.5}, {"start_time": 0.3}]):
        seen.append(
            _images(_made(_dvce(models, tmp_path / str(i)).override([f"method.{k}={v}" for k, v in change.items()])))
        )
    assert all(not np.array_equal(a, b) for i, a in enumerate(seen) for b in seen[:i])


def test_replicates_of_dvce_differ_and_of_ascent_are_refused(models: Path, tmp_path: Path) -> None:
    result_set = _made(_dvce(models, tmp_path / "ce", replicates=2, num_sources=1))
    first, second = (_images(result_set)[r::2] for r in (0, 1))
    assert (first != second).any(axis=(1, 2, 3)).all()
    with pytest.raises(UserError, match="replicates 2: ascent draws nothing"):
        _ascent(models, tmp_path / "x").override(["replicates=2"])


def test_a_set_of_counterfactuals_can_be_the_source_of_another(models: Path, tmp_path: Path) -> None:
    first = _made(_ascent(models, tmp_path / "first"))
    config = generate_config(str(models / "score_model"), tmp_path / "second", sources=first.uri, num_sources=30)
    second = _made(config)
    rows, made_of = second.read(), first.read()
    assert rows.num_rows == 30 * 10 * 2
    assert rows["source_id"].to_pylist() == [i for i in made_of["item_id"].to_pylist() for _ in range(20)]
    assert rows["source_label"].to_pylist() == [y for y in made_of["y_target"].to_pylist() for _ in range(20)]
    change = (_images(second) - np.repeat(_images(first), 20, axis=0)).reshape(600, -1)
    np.testing.assert_allclose(rows["l2"], np.linalg.norm(change, axis=1), rtol=1e-4, atol=1e-6)
    assert second.plan["inputs"]["sources"] == first.identity
    assert validate(second.uri)["rows"] == 600


def test_sources_come_in_the_order_asked_for(models: Path, tmp_path: Path) -> None:
    first = _made(_ascent(models, tmp_path / "first"))  # shards of 20 and 10 rows
    config = generate_config(str(models / "score_model"), tmp_path / "second", sources=first.uri)
    indices = np.array([25, 3, 3, 19, 20, 0])
    found = load_sources(config, first.identity)(indices)
    rows = first.read().take(pa.array(indices))
    assert found.ids == rows["item_id"].to_pylist()
    assert found.labels.tolist() == rows["y_target"].to_pylist()
    assert np.array_equal(found.images.numpy(), column_to_images(rows["x_ce"], SHAPE))
    split = load_sources(generate_config("none", tmp_path / "x"), None)(indices)
    assert np.array_equal(split.images.numpy(), datasets.load("digits", "", "train").tensor(indices).numpy())


def test_mistakes_with_sources_are_one_line(models: Path, tmp_path: Path) -> None:
    first = _made(_ascent(models, tmp_path / "first"))
    score_model = str(models / "score_model")
    with pytest.raises(UserError, match=r"num_sources=31: .*first holds 30 counterfactuals; lower it"):
        prepare(generate_config(score_model, tmp_path / "b", sources=first.uri, num_sources=31))
    with pytest.raises(UserError, match="is the output too"):
        prepare(generate_config(score_model, tmp_path / "first", sources=first.uri))
    with pytest.raises(UserError, match="no result set here"):
        prepare(generate_config(score_model, tmp_path / "b", sources=str(tmp_path / "none")))
    with pytest.raises(UserError, match="holds another set than when this job began"):
        load_sources(generate_config(score_model, tmp_path / "b", sources=first.uri), "0" * 16)


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ([], 2 * 10),
        (["guidance_scale=0.0"], 10),
        (["sampler.network_every=4"], 2 * 3),
        (["sampler.kind=heun"], 2 * 19),
        (["sampler.times=linear", "guidance_until=0.5"], 10 + 5),
        (["sampler.times=linear", "guidance_until=0.6"], 10 + 6),
        (["sampler.times=linear", "guidance_until=0.3"], 10 + 3),
    ],
)
def test_the_evaluations_of_a_counterfactual_are_those_that_are_made(
    models: Path, tmp_path: Path, changes: list[str], expected: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = generate_config(str(models / "score_model"), tmp_path / "ce", num_sources=1, batch_size=20).override(
        changes
    )
    made: list[int] = []
    forward = UNet.forward

    def counted(self: UNet, x_t: torch.Tensor, t: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        made.append(len(x_t))
        return forward(self, x_t, t, y)

    monkeypatch.setattr(UNet, "forward", counted)
    _made(config)
    assert sum(made) == 20 * expected
    assert evaluations_of(config, VPSDE()) == expected
