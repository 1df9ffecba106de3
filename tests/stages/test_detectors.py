"""The stage that compares detectors: what it refuses, what it says, and the same answer from a pool of actors."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from advgen_ray.config import AttackConfig, CompareDetectorsConfig, PoolConfig
from advgen_ray.data import datasets
from advgen_ray.distributed.detector_comparison_rows import DetectionRows
from advgen_ray.errors import UserError
from advgen_ray.job import run_job
from advgen_ray.report.page import render
from advgen_ray.stages import detector_inputs, detectors
from advgen_ray.storage import ResultSet
from tests.classifier_jobs import CPU, detectors_config, fill, save_dropout_classifier
from tests.damage import user_images
from tests.models_on_disk import save_classifier, save_score_model
from tests.small_one_vs_rest import save_one_vs_rest, save_two_conv


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("models")
    save_dropout_classifier(root / "dropout")
    save_classifier(root / "plain")
    save_score_model(root / "score_model")
    save_one_vs_rest(root / "one_vs_rest")
    save_two_conv(root / "two_conv")
    return root


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (["num_images=398"], "num_images=398: the test split of digits has 397 images; lower it"),
        (["num_reference=1401"], "num_reference=1401: the train split of digits has 1400 images"),
        (["num_reference=5", "num_candidates=5", "num_neighbors=5"], "num_reference=5: no training image of class '"),
        (["layers=[stem,stagess.0]"], "layers: the model has no 'stagess.0'; it has stem, "),
        (
            ["classifier={root}/one_vs_rest"],
            "one_vs_rest: the last linear layer gives [[1, 1]], expected the logits, [1, 10]",
        ),
        (
            ["classifier={root}/one_vs_rest", "detectors=[lid]"],
            "layers: a layer must run once in a forward pass, got {'d",
        ),
        (["classifier={root}/two_conv", "layers=[stem]"], "layers: the model has no 'stem'; it has layers, "),
        (["classifier=absent"], "absent: no model there"),
        (["classifier={root}/score_model"], "holds a unet, expected a classifier"),
        (["data.name=mnist", "data.root=nowhere"], "nowhere"),
        (["attacks=[]"], "attacks is empty: expected the attacks that the detectors are to find"),
        (["attacks=[{eps: 0.0}]"], "attacks: pgd has eps 0"),
        (["attacks=[{eps: 1.0}, {eps: 1.0}]"], "two are called 'pgd' at eps 1.0"),
        (["attacks=[{eps: 8.0}]"], "eps is in [0, 1] pixel units, got 8.0"),
        (["detectors=[]"], "detectors: expected different ones, at least one, got []"),
        (["detectors=[energy, energy]"], "detectors: expected different ones"),
        (["detectors=[entropy]"], "detectors.0: "),
        (["num_neighbors=31"], "num_neighbors 31 of num_candidates 30 of num_reference 60: none may exceed the next"),
        (["num_images=3"], "num_images: "),
    ],
)
def test_a_mistake_is_one_line_before_any_work(
    models: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], settings: list[str], message: str
) -> None:
    file, output = tmp_path / "config.yaml", tmp_path / "out"
    file.write_text(detectors_config(str(models / "dropout"), output).to_yaml())
    words = [word for setting in settings for word in ("--set", setting.replace("{root}", str(models)))]
    assert run_job(CompareDetectorsConfig, detectors.run, ["--config", str(file), *words]) == 2
    line = capsys.readouterr().err
    assert message in line
    assert line.count("\n") == 1
    assert not output.exists()


def test_a_class_that_the_training_images_lack_is_named(models: Path, tmp_path: Path) -> None:
    root = user_images(tmp_path / "images", labels=np.zeros(12, dtype=np.int64))
    with pytest.raises(UserError, match="no training image of class 'b' among them"):
        detector_inputs.check_every_class(datasets.load("npz", str(root), "train"), "num_reference")


def test_a_finished_set_is_fitted_again_without_a_cluster(
    models: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = detectors_config(str(models / "plain"), tmp_path)
    result_set = detectors.prepare(config)
    fill(result_set, DetectionRows(config, result_set, CPU))
    summary = detectors.run(config)
    assert [(row["detector"], row["attack"]) for row in summary["detectors"]] == [
        (detector, attack) for detector in ("Energy", "KD", "LID") for attack in ("PGD (1)", "weak (16/255)")
    ]
    assert summary["count"] == 24
    assert any("no dropout" in warning and "KD alone" in warning for warning in summary["warnings"])
    out = capsys.readouterr().out
    assert "nothing to compute" in out
    assert "warning: The classifier has no dropout" in out
    assert json.loads((tmp_path / "summary.json").read_text()) == summary
    page = (tmp_path / "report.html").read_text()
    assert "Which detector finds the attack?" in page
    assert render(detectors.read_page(str(tmp_path))) == page, "a page can be read again from what is stored"


def test_a_network_without_stages_is_read_part_by_part(models: Path, tmp_path: Path) -> None:
    config = detectors_config(str(models / "two_conv"), tmp_path, num_images=8, detectors=("kd_bu", "lid"))
    result_set = detectors.prepare(config)
    rows = DetectionRows(config, result_set, CPU)
    assert rows.layers == ["layers", "hidden", "head"]
    assert {len(columns) for columns in fill(result_set, rows)["lid"]} == {3}


def test_attacks_are_called_by_what_they_are() -> None:
    attacks = (
        AttackConfig(norm="linf", eps=8 / 255),
        AttackConfig(kind="apgd", objective="dlr", norm="l2", eps=0.5),
        AttackConfig(objective="high_energy", norm="linf", eps=0.3),
        AttackConfig(name="mine", norm="linf", eps=1 / 255),
    )
    assert list(detectors.attack_names(attacks).values()) == [
        "PGD (8/255)", "APGD dlr (0.5)", "PGD high energy (0.3)", "mine (1/255)",
    ]  # fmt: skip


def test_another_config_into_the_same_place_is_refused(models: Path, tmp_path: Path) -> None:
    base: dict[str, Any] = {"classifier": str(models / "plain"), "output": tmp_path / "out"}
    identity = detectors.prepare(detectors_config(**base)).identity
    with pytest.raises(UserError, match="num_passes is 4 there, 5 here"):
        detectors.prepare(detectors_config(**base, num_passes=5))
    elsewhere = detectors_config(str(models / "plain"), tmp_path / "other", pool=PoolConfig(max_actors=3))
    assert detectors.prepare(elsewhere).identity == identity


@pytest.mark.long
@pytest.mark.ray
@pytest.mark.usefixtures("ray_session")
def test_actors_store_what_a_plain_loop_stores(models: Path, tmp_path: Path) -> None:
    config = detectors_config(str(models / "dropout"), tmp_path / "loop")
    expected = detectors.prepare(config)
    fill(expected, DetectionRows(config, expected, CPU))
    config = detectors_config(str(models / "dropout"), tmp_path / "actors", pool=PoolConfig(min_actors=2, max_actors=2))
    summary = detectors.run(config)
    stored = ResultSet.open(config.output)
    for index in range(expected.num_shards):
        assert Path(stored.shard_uri(index)).read_bytes() == Path(expected.shard_uri(index)).read_bytes()
    assert summary["detectors"][2]["detector"] == "KD+BU"
