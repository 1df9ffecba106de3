"""Gradients beside counterfactuals: the cosines of a shard against autograd, and the promises of a set; without Ray."""

from pathlib import Path

import numpy as np
import pytest
import torch

from advgen_ray.config import DataConfig
from advgen_ray.config.gradient_alignment import AlignGradientsConfig
from advgen_ray.data import datasets
from advgen_ray.distributed.alignment_rows import AlignmentRows
from advgen_ray.distributed.counterfactual_rows import CounterfactualRows
from advgen_ray.errors import UserError
from advgen_ray.stages import counterfactuals
from advgen_ray.stages.gradient_alignment import prepare
from advgen_ray.storage import ResultSet
from advgen_ray.storage.validate import validate
from advgen_ray.training.model_directory import load_model
from tests.classifier_jobs import CPU, fill
from tests.models_on_disk import by_classifier_config, generate_config, save_classifier, save_score_model


@pytest.fixture(scope="module")
def places(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("alignment")
    save_classifier(root / "a" / "model", num_steps=30)
    save_classifier(root / "b" / "model", eps=0.5, seed=1)
    config = by_classifier_config(str(root / "a" / "model"), root / "ce")
    made = counterfactuals.prepare(config)
    fill(made, CounterfactualRows(config, made, CPU))
    return root


def _config(places: Path, output: Path, **changes: object) -> AlignGradientsConfig:
    values = {
        "counterfactuals": str(places / "ce"),
        "classifiers": tuple(str(places / name / "model") for name in ("a", "b")),
        "output": str(output),
    }
    return AlignGradientsConfig(**(values | changes))  # type: ignore[arg-type]


def test_cosines_are_those_of_the_way_down_with_the_way_to_the_counterfactual(places: Path, tmp_path: Path) -> None:
    config = _config(places, tmp_path / "out", batch_size=7)
    result_set = prepare(config)
    fill(result_set, AlignmentRows(config, result_set, CPU))
    assert validate(result_set.uri)["rows"] == 60
    found, made = result_set.read().to_pandas(), ResultSet.open(config.counterfactuals)
    assert found["item_id"].tolist() == [
        f"{c}/{i}" for c in "ab" for i in made.read(["item_id"])["item_id"].to_pylist()
    ]
    x_ce, table = torch.from_numpy(made.images("x_ce")), made.read().to_pandas()
    data = datasets.load("digits", "", "train")
    x = data.tensor(table["source_index"].to_numpy()).requires_grad_()
    y = torch.from_numpy(table["y_target"].to_numpy().astype(np.int64))
    model = load_model(places / "b" / "model").model
    (gradient,) = torch.autograd.grad(torch.nn.functional.cross_entropy(model(x), y, reduction="sum"), x)
    means = torch.stack([data.tensor(np.flatnonzero(data.labels == k)).mean(0) for k in range(10)])
    cosine = torch.nn.functional.cosine_similarity
    moved = (table["l2"] > 0).to_numpy()
    expected = cosine(-gradient.flatten(1), (x_ce - x).flatten(1)).detach().numpy()
    np.testing.assert_allclose(found["alignment"][30:][moved], expected[moved], atol=1e-4)
    to_mean = cosine(-gradient.flatten(1), (means[y] - x).flatten(1)).detach().numpy()
    np.testing.assert_allclose(found["class_alignment"][30:], to_mean, atol=1e-4)
    assert set(found["classifier_eps"][30:]) == {0.5}


def test_a_chain_and_another_data_set_are_refused(places: Path, tmp_path: Path) -> None:
    config = generate_config(
        save_score_model(tmp_path / "score"), tmp_path / "chain", sources=str(places / "ce"), num_sources=1
    )
    chain = counterfactuals.prepare(config)
    fill(chain, CounterfactualRows(config, chain, CPU))
    with pytest.raises(UserError, match="made of counterfactuals; give a set made of images"):
        prepare(_config(places, tmp_path / "out", counterfactuals=chain.uri))
    with pytest.raises(UserError, match=r"made from digits, but data\.name is mnist"):
        prepare(_config(places, tmp_path / "out", data=DataConfig(name="mnist")))
