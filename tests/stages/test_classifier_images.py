"""The stage that makes images from classifiers: what it refuses, what it says, and the same answer from actors."""

import json
from pathlib import Path

import numpy as np
import pytest

from advgen_ray.config import DataConfig, GenerateFromClassifierConfig, PoolConfig
from advgen_ray.errors import UserError
from advgen_ray.job import run_job
from advgen_ray.report.page import render
from advgen_ray.stages import classifier_images
from advgen_ray.storage import ResultSet
from tests.classifier_jobs import fill_map, images_config
from tests.damage import user_images
from tests.models_on_disk import save_classifier, save_score_model


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Classifiers a, b, judge, and another a."""
    root = tmp_path_factory.mktemp("models")
    for seed, name in enumerate(("a", "b", "judge", "more/a")):
        save_classifier(root / name / "model", eps=float(seed), seed=seed)
    save_score_model(root / "score" / "model")
    return root


def _config(root: Path, output: Path, **changes: object) -> GenerateFromClassifierConfig:
    return images_config((f"{root}/a/model", f"{root}/b/model"), output, judge=f"{root}/judge/model", **changes)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (["classifiers=[]"], "classifiers is empty: give model directories with --set classifiers=[...]"),
        (["classifiers=[{root}/a/model, {root}/more/a/model]"], "classifiers: two are called 'a'"),
        (["classifiers=[{root}/absent/model]"], "absent/model: no model there"),
        (["classifiers=[{root}/score/model]"], "holds a unet, expected a classifier"),
        (["generators=[c]"], "generators: 'c' is none of the classifiers, which are called a, b"),
        (["generators=[a, a]"], "generators: expected different names"),
        (["judge={root}/b/model"], "b/model: the same model as generator 'b'; give one that took no part"),
        (["judge={root}/absent"], "absent: no model there"),
        (["num_gradient_images=398"], "num_gradient_images=398: the test split of digits has 397 images"),
        (["num_test_images=398"], "num_test_images=398: the test split of digits has 397 images"),
        (["num_neighbors=51"], "num_neighbors=51: there are 50 test images to choose from"),
        (["momentum=1.0"], "momentum: "),
        (["pca_variance=0"], "pca_variance: "),
        (["data.name=mnist", "data.root=nowhere"], "nowhere"),
    ],
)
def test_a_mistake_is_one_line_before_any_work(
    root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], settings: list[str], message: str
) -> None:
    file, output = tmp_path / "config.yaml", tmp_path / "out"
    file.write_text(_config(root, output).to_yaml())
    words = [word for setting in settings for word in ("--set", setting.replace("{root}", str(root)))]
    assert run_job(GenerateFromClassifierConfig, classifier_images.run, ["--config", str(file), *words]) == 2
    line = capsys.readouterr().err
    assert message in line
    assert line.count("\n") == 1
    assert not output.exists()


def test_the_judge_may_be_pictured_if_it_does_not_generate(root: Path, tmp_path: Path) -> None:
    config = _config(root, tmp_path, generators=("a",)).override([f"judge={root}/b/model"])
    assert classifier_images.maps_of(config)


def test_a_class_without_training_images_is_named(tmp_path: Path) -> None:
    data = DataConfig(name="npz", root=str(user_images(tmp_path / "images", labels=np.arange(12) % 2)))
    config = images_config(("a/model",), tmp_path / "out", data=data, num_test_images=None, num_gradient_images=2)
    with pytest.raises(UserError, match="train split of npz has no image of class 'c', so none can be started from"):
        classifier_images.maps_of(config)


def test_a_finished_job_is_shown_again_without_a_cluster(
    root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = _config(root, tmp_path, generators=("b",))
    for one in classifier_images.maps_of(config):
        fill_map(one)
    summary = classifier_images.run(config)
    assert "nothing to compute" in capsys.readouterr().out
    assert [(row["classifier"], row["count"]) for row in summary["generated"]] == [("b", 20)]
    assert [(row["classifier"], row["count"]) for row in summary["gradients"]] == [("a", 12), ("b", 12)]
    assert 0 <= summary["generated"][0]["judged"] <= 1
    assert json.loads((tmp_path / "summary.json").read_text()) == summary
    page = (tmp_path / "report.html").read_text()
    assert "What do classifiers take a class to be?" in page
    assert render(classifier_images.read_page(str(tmp_path))) == page, "a page can be read again from what is stored"


def test_another_config_into_the_same_place_is_refused(root: Path, tmp_path: Path) -> None:
    generated, gradients = classifier_images.maps_of(_config(root, tmp_path / "out"))
    assert generated.result_set.identity != gradients.result_set.identity
    with pytest.raises(UserError, match="num_steps is 3 there, 4 here"):
        classifier_images.maps_of(_config(root, tmp_path / "out", num_steps=4))
    elsewhere, _ = classifier_images.maps_of(_config(root, tmp_path / "other", pool=PoolConfig(max_actors=3)))
    assert elsewhere.result_set.identity == generated.result_set.identity


@pytest.mark.long
@pytest.mark.ray
@pytest.mark.usefixtures("ray_session")
def test_actors_store_what_a_plain_loop_stores(root: Path, tmp_path: Path) -> None:
    expected = classifier_images.maps_of(_config(root, tmp_path / "loop"))
    for one in expected:
        fill_map(one)
    config = _config(root, tmp_path / "actors", pool=PoolConfig(min_actors=2, max_actors=2))
    summary = classifier_images.run(config)
    for name, one in zip(("generated", "gradients"), expected, strict=True):
        stored = ResultSet.open(f"{config.output}/{name}")
        for index in range(stored.num_shards):
            mine, other = (Path(each.shard_uri(index)).read_bytes() for each in (stored, one.result_set))
            assert mine == other
    assert len(summary["generated"]) == 2
