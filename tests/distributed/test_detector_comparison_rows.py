"""What a shard of a comparison of detectors holds: each image as if it were alone, whatever the shards; without Ray."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from torch import nn

from advgen_ray.attacks.objectives import cross_entropy
from advgen_ray.attacks.pgd import PGD
from advgen_ray.attacks.threat_model import L2
from advgen_ray.config import CompareDetectorsConfig
from advgen_ray.data import datasets
from advgen_ray.data.subsets import reference_images
from advgen_ray.detection.features import features, last_hidden, layers_of
from advgen_ray.detection.lid import lid_columns
from advgen_ray.detection.mc_dropout import bayesian_uncertainty
from advgen_ray.distributed import detector_comparison_rows
from advgen_ray.distributed.detector_comparison_rows import DetectionRows, detection_groups
from advgen_ray.rng import Stream
from advgen_ray.stages import detectors
from advgen_ray.storage.validate import validate
from advgen_ray.training.model_directory import load_model
from tests.classifier_jobs import CPU, detectors_config, fill, save_dropout_classifier
from tests.models_on_disk import save_classifier

COLUMNS = ("kd_bu", "lid", "logits")
LAYERS = ["stem", "stages.0", "stages.1", "stages.2", "head"]


def _rows(config: CompareDetectorsConfig) -> pd.DataFrame:
    result_set = detectors.prepare(config)
    rows = fill(result_set, DetectionRows(config, result_set, CPU))
    validate(result_set.uri)
    return rows


@pytest.fixture(scope="module")
def dropout_classifier(tmp_path_factory: pytest.TempPathFactory) -> str:
    return save_dropout_classifier(tmp_path_factory.mktemp("dropout") / "model")


@pytest.fixture(scope="module")
def config(dropout_classifier: str, tmp_path_factory: pytest.TempPathFactory) -> CompareDetectorsConfig:
    return detectors_config(dropout_classifier, tmp_path_factory.mktemp("detections"))


@pytest.fixture(scope="module")
def rows(config: CompareDetectorsConfig) -> pd.DataFrame:
    return _rows(config)


def _log_density(model: nn.Module, image: torch.Tensor, bandwidth: float) -> float:
    """Feinman et al. equation 3 by hand, among the reference of the predicted class."""
    reference = reference_images(datasets.load("digits", "", "train"), 60)
    hidden = last_hidden(model, reference.tensor())[1].double()
    logits, mine = last_hidden(model, image)
    near = hidden[reference.targets() == logits.argmax()]
    distances = (near - mine.double()).square().sum(dim=1)
    normalizer = near.shape[1] * np.log(bandwidth * np.sqrt(2 * np.pi))
    return float((-distances / (2 * bandwidth**2)).exp().mean().log() - normalizer)


def test_there_is_a_row_for_every_version_of_every_image(rows: pd.DataFrame) -> None:
    images = datasets.load("digits", "", "test")
    counts = rows.groupby(["view", "attack"]).size().to_dict()
    assert counts == {
        ("natural", ""): 24, ("attacked", "pgd"): 24, ("attacked", "weak"): 24, ("noisy", "pgd"): 24,
        ("noisy", "weak"): 24,
    }  # fmt: skip
    natural = rows[rows["view"] == "natural"]
    assert natural["image_id"].tolist() == images.item_ids(range(24))
    assert natural["half"].tolist() == ["validation", "test"] * 12
    assert (rows.groupby("image_id")["half"].nunique() == 1).all(), "an image is in one half in all its versions"
    np.testing.assert_array_equal(natural["label"], images.labels[:24])


def test_an_image_is_read_as_if_it_were_alone(
    config: CompareDetectorsConfig, dropout_classifier: str, rows: pd.DataFrame
) -> None:
    model, images = load_model(dropout_classifier).model, datasets.load("digits", "", "test")
    reference = features(model, reference_images(datasets.load("digits", "", "train"), 60).tensor(), LAYERS)
    by_id = rows.set_index("item_id")
    attack = config.attacks[0]
    for index in (0, 8, 23):
        (name,), x, y = images.item_ids([index]), images.tensor([index]), images.targets([index])
        start = Stream(11, "pgd/0").normal([name], x.shape[1:])
        pgd = PGD(L2(1.0), 4, attack.resolved_step_size(), lambda x, start=start: start)
        x_adv = pgd(model, x, cross_entropy(y))
        noise = Stream(11, "noise/pgd").normal([name], x.shape[1:])
        x_noisy = (x + (x_adv - x).norm() * noise / noise.norm()).clamp(0, 1)
        for view, image in {"natural": x, "attacked/pgd-1": x_adv, "noisy/pgd-1": x_noisy}.items():
            row = by_id.loc[f"{view}/{name}"]
            with torch.no_grad():
                np.testing.assert_allclose(row["logits"], model(image)[0], atol=1e-5)
            uncertainty = float(bayesian_uncertainty(model, image, [name], Stream(11, "dropout"), 4))
            expected = [_log_density(model, image, row["bandwidth"]), uncertainty]
            np.testing.assert_allclose(row["kd_bu"], expected, rtol=1e-3, atol=1e-5)
            lid = lid_columns(
                model, image, [name], LAYERS, reference, Stream(11, "lid"), num_neighbors=5, batch_size=30
            )
            np.testing.assert_allclose(row["lid"], lid[0], rtol=1e-3)
            assert row["attack_distance"] == pytest.approx(float((image - x).norm()), abs=1e-5)


def test_shards_change_nothing(config: CompareDetectorsConfig, rows: pd.DataFrame, tmp_path: Path) -> None:
    other = _rows(detectors_config(config.classifier, tmp_path, shard_images=24, batch_size=24)).set_index("item_id")
    mine = rows.set_index("item_id")
    assert set(other.index) == set(mine.index)
    other = other.loc[mine.index]
    assert other["half"].tolist() == mine["half"].tolist()
    for column in COLUMNS:
        np.testing.assert_allclose(np.stack(other[column]), np.stack(mine[column]), rtol=1e-2, atol=1e-4)


def test_the_bandwidth_is_chosen_on_natural_validation_images(
    config: CompareDetectorsConfig, rows: pd.DataFrame, dropout_classifier: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[Any] = []
    monkeypatch.setattr(detector_comparison_rows, "choose_bandwidth", lambda *given: asked.append(given) or 0.7)
    made = DetectionRows(config, detectors.prepare(config), CPU)
    assert made.density is not None
    assert made.density.bandwidth == 0.7
    ((_, _, held_out, held_out_y, candidates),) = asked
    images, even = datasets.load("digits", "", "test"), range(0, 24, 2)
    np.testing.assert_allclose(
        held_out, last_hidden(load_model(dropout_classifier).model, images.tensor(even))[1], atol=1e-5
    )
    assert torch.equal(held_out_y, images.targets(even))
    assert candidates == config.bandwidths
    assert set(rows["bandwidth"]) <= set(config.bandwidths)


def test_a_model_without_dropout_has_its_density_alone(tmp_path: Path) -> None:
    classifier = save_classifier(tmp_path / "model")
    rows = _rows(detectors_config(classifier, tmp_path / "out", num_images=8, detectors=("energy", "kd_bu")))
    assert {len(columns) for columns in rows["kd_bu"]} == {1}
    assert {len(columns) for columns in rows["lid"]} == {0}
    energy = detectors_config(classifier, tmp_path / "e", num_images=8, detectors=("energy",), noisy_images=False)
    rows = _rows(energy)
    assert {len(columns) for columns in rows["kd_bu"]} == {0}
    assert set(rows["view"]) == {"natural", "attacked"}
    assert set(rows["bandwidth"]) == {0.0}


def test_the_reference_and_the_layers() -> None:
    train = datasets.load("digits", "", "train")
    in_order = train.subset(np.argsort(train.labels, kind="stable"))
    for count in (60, 999):  # of 1400
        assert set(reference_images(in_order, count).labels) == set(range(10)), "sorted data lose no class"
    assert len(reference_images(train, 1400)) == 1400
    assert len(set(reference_images(train, 999).item_ids(range(999)))) == 999
    groups = detection_groups(10, 2, 4)
    assert [(group.attack, group.start, group.stop) for group in groups[:4]] == [
        (None, 0, 4), (None, 4, 8), (None, 8, 10), (0, 0, 4),
    ]  # fmt: skip
    assert len(groups) == 9
    model = nn.Sequential(nn.Flatten(), nn.Linear(64, 10))
    assert layers_of(model, ["1"]) == ["1"]
    with pytest.raises(ValueError, match="has no 'stem'; it has 0, 1"):
        layers_of(model, ["stem"])
