"""What a shard of energies holds: a plain loop's logits, keyed attacks, the right labels; without Ray."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
import torch

from advgen_ray.attacks.objectives import cross_entropy
from advgen_ray.attacks.pgd import PGD
from advgen_ray.attacks.threat_model import L2, Linf
from advgen_ray.config import AttackConfig, ScoreEnergiesConfig
from advgen_ray.data import datasets
from advgen_ray.distributed.counterfactual_rows import CounterfactualRows
from advgen_ray.distributed.energy_rows import EnergyRows
from advgen_ray.rng import Stream
from advgen_ray.stages import counterfactuals, energies
from advgen_ray.storage import ResultSet
from advgen_ray.training.model_directory import load_model
from tests.classifier_jobs import CPU, fill
from tests.models_on_disk import energies_config, generate_config

Classifiers = tuple[str, str]


def _rows(config: ScoreEnergiesConfig) -> pd.DataFrame:
    result_set, groups = energies.prepare(config)
    maker = EnergyRows(config, result_set, groups, CPU)
    return pa.concat_tables([maker(index) for index in range(result_set.num_shards)]).to_pandas()


@pytest.fixture(scope="module")
def ce_set(score_model: str, tmp_path_factory: pytest.TempPathFactory) -> ResultSet:
    """A finished set of counterfactuals, called main."""
    config = generate_config(score_model, tmp_path_factory.mktemp("sets") / "main")
    result_set = counterfactuals.prepare(config)
    fill(result_set, CounterfactualRows(config, result_set, CPU))
    return result_set


def test_clean_rows_are_a_plain_loops(classifiers: Classifiers, tmp_path: Path) -> None:
    rows = _rows(energies_config(classifiers, tmp_path, attacks=()))
    assert len(rows) == 2 * 2 * 30
    for name, uri, eps, seed in (("eps-0.0", classifiers[0], 0.0, 0), ("eps-0.5", classifiers[1], 0.5, 7)):
        model = load_model(uri)
        for split in ("train", "test"):
            data = datasets.load("digits", "", split)
            with torch.no_grad():
                logits = torch.cat([model.model(data.tensor(np.arange(i, i + 6))) for i in range(0, 30, 6)]).double()
            mine = rows[(rows["classifier"] == name) & (rows["image_set"] == split)]
            np.testing.assert_allclose(np.stack(mine["logits"]), logits, atol=1e-5)
            np.testing.assert_allclose(mine["energy_x"], -logits.logsumexp(1), atol=1e-5)
            np.testing.assert_allclose(mine["energy_xy"], -logits[np.arange(30), data.labels[:30]], atol=1e-5)
            np.testing.assert_allclose(mine["confidence"], logits.softmax(1).max(1).values, atol=1e-5)
            np.testing.assert_array_equal(mine["label"], data.labels[:30])
            np.testing.assert_array_equal(mine["source_label"], data.labels[:30])
            np.testing.assert_array_equal(mine["correct"], logits.argmax(1).numpy() == data.labels[:30])
            assert mine["image_id"].tolist() == data.item_ids(range(30))
            assert set(mine["view"]) == {"clean"}
            assert set(mine["attack_distance"]) == {0.0}
            assert set(mine["classifier_eps"]) == {eps}
            assert set(mine["classifier_seed"]) == {seed}
            assert set(mine["model_digest"]) == {model.digest}
    assert rows["item_id"].is_unique


@pytest.mark.parametrize(("norm", "threat_model"), [("l2", L2), ("linf", Linf)])
def test_attacked_rows_are_the_attack_of_each_image_alone(
    classifiers: Classifiers, tmp_path: Path, norm: Any, threat_model: Any
) -> None:
    attack = AttackConfig(norm=norm, eps=0.1, num_steps=4)
    rows = _rows(energies_config(classifiers, tmp_path, attacks=(attack,), seed=11))
    attacked = rows[(rows["attack"] == "pgd") & (rows["classifier"] == "eps-0.0")].set_index("image_id")
    assert set(attacked["image_set"]) == {"test"}
    model, data = load_model(classifiers[0]).model, datasets.load("digits", "", "test")
    stream = Stream(11, "pgd/0")
    for index in (0, 17, 29):
        (image_id,), x, y = data.item_ids([index]), data.tensor([index]), data.targets([index])
        noise = stream.normal([image_id], x.shape[1:])
        x_adv = PGD(threat_model(0.1), 4, 2.5 * 0.1 / 4, lambda x, noise=noise: noise)(model, x, cross_entropy(y))
        with torch.no_grad():
            logits = model(x_adv)[0]
        np.testing.assert_allclose(attacked.loc[image_id, "logits"], logits, atol=1e-5)
        distance = float(threat_model(0.1).distance(x_adv, x))
        assert attacked.loc[image_id, "attack_distance"] == pytest.approx(distance, abs=1e-6)
        assert 0 < distance < 0.1001


def test_each_attack_of_several_has_rows_of_its_own_radius(classifiers: Classifiers, tmp_path: Path) -> None:
    attacks = tuple(AttackConfig(eps=eps, num_steps=1, name=name) for eps, name in ((0.25, "a"), (0.5, "b")))
    rows = _rows(energies_config(classifiers, tmp_path, attacks=attacks))
    assert set(zip(rows["attack"], rows["attack_eps"], strict=True)) == {("", 0.0), ("a", 0.25), ("b", 0.5)}
    assert (rows["attack_distance"] <= rows["attack_eps"] + 1e-6).all()


def test_counterfactuals_are_labelled_with_their_target(
    classifiers: Classifiers, ce_set: ResultSet, tmp_path: Path
) -> None:
    rows = _rows(energies_config(classifiers, tmp_path, splits=(), counterfactuals=(ce_set.uri,)))
    stored, images = ce_set.read(), torch.from_numpy(ce_set.images("x_ce"))
    assert len(rows) == 2 * stored.num_rows
    mine = rows[rows["classifier"] == "eps-0.5"]
    assert mine["image_id"].tolist() == stored["item_id"].to_pylist()
    assert mine["label"].tolist() == stored["y_target"].to_pylist()
    assert mine["source_label"].tolist() == stored["source_label"].to_pylist()
    assert set(mine["image_set"]) == {"main"}
    assert mine["item_id"].iloc[0] == f"eps-0.5/counterfactual/main/{stored['item_id'][0]}"
    with torch.no_grad():
        logits = load_model(classifiers[1]).model(images)
    np.testing.assert_allclose(np.stack(mine["logits"]), logits, atol=1e-5)
