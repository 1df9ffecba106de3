"""What the map stages refuse, each in one line and before anything is written or started."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from advgen_ray.config import Config, DataConfig, GenerateConfig, ScoreEnergiesConfig
from advgen_ray.data import datasets
from advgen_ray.errors import UserError
from advgen_ray.job import run_job
from advgen_ray.stages import counterfactuals, energies, inputs
from advgen_ray.stages.inputs import content_digest, load_any_model, load_classifier, load_images
from advgen_ray.storage import ResultSet
from tests.damage import user_images
from tests.models_on_disk import energies_config, generate_config, save_classifier, save_score_model


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a score model, two classifiers and a score model of another data set."""
    root = tmp_path_factory.mktemp("models")
    save_score_model(root / "score_model")
    save_score_model(root / "foreign", data={"name": "mnist"})
    save_score_model(root / "of-five-classes", num_classes=5)
    save_classifier(root / "a" / "model")
    save_classifier(root / "b" / "a" / "model")
    return root


def _refused(stage: Any, config: Config, output: Path, capsys: pytest.CaptureFixture[str]) -> str:
    """The one line on stderr that the job ends in, with exit code 2 and nothing written."""
    file = output.parent / "config.yaml"
    file.write_text(config.to_yaml())
    assert run_job(type(config), stage.run, ["--config", str(file)]) == 2
    line = capsys.readouterr().err
    assert line.count("\n") == 1
    assert not output.exists()
    return line


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"num_sources": 2000}, "num_sources=2000: the train split of digits has 1400 images"),
        ({"split": "test", "num_sources": 398}, "num_sources=398: the test split of digits has 397 images"),
        ({"score_model": "absent"}, "absent: no model there"),
        ({"score_model": "a/model"}, "holds a wide_resnet, expected a unet"),
        ({"score_model": "of-five-classes"}, "'num_classes': 5}, the images are "),
        ({"score_model": "foreign"}, "trained on mnist, but data.name is digits"),
        ({"data": DataConfig(name="mnist", root="nowhere")}, "nowhere"),
    ],
)
def test_generation_refuses(
    models: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], changes: dict[str, Any], message: str
) -> None:
    output = tmp_path / "out"
    place = str(models / changes.pop("score_model", "score_model"))
    assert message in _refused(counterfactuals, generate_config(place, output, **changes), output, capsys)


@pytest.mark.parametrize(
    ("classifiers", "changes", "message"),
    [
        ([], {}, "classifiers=[]: nothing to score with"),
        (["a/model"], {"num_images": 398}, "num_images=398: the test split of digits has 397 images"),
        (["a/model", "b/a/model"], {}, "two are called 'a'"),
        (
            ["score_model"],
            {},
            "holds a unet, expected a classifier (wide_resnet, resnet, preact_resnet, two_conv, discriminator, one_vs",
        ),
        (["a/model"], {"counterfactuals": ("absent",)}, "absent: no result set here"),
        (["a/model"], {"splits": ()}, "nothing to score"),
    ],
)
def test_scoring_refuses(
    models: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    classifiers: list[str],
    changes: dict[str, Any],
    message: str,
) -> None:
    output = tmp_path / "out"
    config = energies_config(tuple(str(models / name) for name in classifiers), output, **changes)
    assert message in _refused(energies, config, output, capsys)


def test_scoring_refuses_a_set_of_another_kind_or_data_set(models: Path, tmp_path: Path) -> None:
    foreign = {"config": {"data": {"name": "mnist"}}, "inputs": {}, "num_shards": 0}
    ResultSet.create(str(tmp_path / "mnist"), kind="counterfactuals", **foreign).commit(0.0)
    ResultSet.create(str(tmp_path / "energies"), kind="energies", **foreign).commit(0.0)
    for name, message in (("mnist", "made from mnist, but data.name is digits"), ("energies", "expected counterfac")):
        config = energies_config((str(models / "a/model"),), tmp_path / "o", counterfactuals=(str(tmp_path / name),))
        with pytest.raises(UserError, match=message):
            energies.prepare(config)


def test_an_unwritable_output_is_refused(models: Path, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(UserError, match="cannot be written"):
        counterfactuals.prepare(generate_config(str(models / "score_model"), tmp_path / "file" / "out"))


def test_identity_follows_what_is_computed_and_not_where(models: Path, tmp_path: Path) -> None:
    def identity(place: str, **changes: Any) -> str:
        return counterfactuals.prepare(
            generate_config(str(models / "score_model"), tmp_path / place, **changes)
        ).identity

    base = identity("a")
    assert identity("b", pool=GenerateConfig().pool) == base
    assert identity("c", seed=4) != base
    assert identity("d", num_sources=2) != base
    save_score_model(tmp_path / "other", seed=1)
    assert counterfactuals.prepare(generate_config(str(tmp_path / "other"), tmp_path / "e")).identity != base


def test_another_config_into_the_same_place_is_refused(models: Path, tmp_path: Path) -> None:
    counterfactuals.prepare(generate_config(str(models / "score_model"), tmp_path / "out"))
    with pytest.raises(UserError, match=r"guidance_scale is 2\.0 there, 3\.0 here"):
        counterfactuals.prepare(generate_config(str(models / "score_model"), tmp_path / "out", guidance_scale=3.0))


def test_the_digest_of_images_sees_pixels_labels_and_how_many() -> None:
    images = datasets.load("digits", "", "test")
    same = datasets.load("digits", "", "test")
    assert content_digest(images) == content_digest(same)
    assert content_digest(images, 10) != content_digest(images)
    same.labels[5] += 1
    assert content_digest(images) != content_digest(same)
    other = datasets.load("digits", "", "test")
    other.images[5, 0, 0, 0] += np.float32(0.5)
    assert content_digest(images) != content_digest(other)


def test_users_are_told_once_that_the_first_of_sorted_rows_lack_classes(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = DataConfig(name="npz", root=str(user_images(tmp_path / "images", labels=np.repeat(np.arange(3), 4))))
    for _ in range(2):
        assert load_images(data, "test", 4, "num_images").labels.tolist()[:4] == [0] * 4
    assert capsys.readouterr().out == (
        "warning: num_images=4: the first rows of test.npz lack 2 of its 3 classes, 'b' for one; shuffle the rows\n"
    )
    load_images(data, "test", 9, "num_images")
    load_images(data, "test", None, "num_images")
    load_images(DataConfig(), "test", 3, "num_images")
    assert capsys.readouterr().out == ""


def test_the_set_of_every_classifier_is_checked_before_the_first_is_used(models: Path, tmp_path: Path) -> None:
    config = energies_config((str(models / "a/model"), str(models / "absent/model")), tmp_path / "out")
    with pytest.raises(UserError, match="no model there"):
        energies.run(config)
    assert isinstance(config, ScoreEnergiesConfig)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("load", [load_classifier, load_any_model])
def test_a_model_is_fetched_once(load: Any, models: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """From a bucket every copy is a download."""
    fetched: list[str] = []
    monkeypatch.setattr(inputs, "local_copy", lambda uri: fetched.append(uri) or Path(uri))
    load(str(models / "a" / "model"), DataConfig())
    assert fetched == [str(models / "a" / "model")]
