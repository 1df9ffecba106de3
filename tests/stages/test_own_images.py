"""A training on a user's own images is another one when these change, whatever they are called."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from advgen_ray.config import (
    DataConfig,
    SearchConfig,
    TrainBinaryConfig,
    TrainClassifierConfig,
    TrainScoreModelConfig,
    UNetConfig,
)
from advgen_ray.config.image_sources import ImageFilesConfig, MixtureConfig, NoiseConfig
from advgen_ray.config.jobs import OutliersConfig
from advgen_ray.config.space import ParameterConfig
from advgen_ray.distributed.session import Task
from advgen_ray.distributed.train import run_training
from advgen_ray.errors import UserError
from advgen_ray.stages import binary, classifier, score_model, search
from advgen_ray.stages.own_images import own_digest
from advgen_ray.training.model_directory import save_model
from tests.small_training import KeptSession, classifier_config

SPACE = (ParameterConfig(key="optimizer.learning_rate", kind="choice", values=(1e-3, 2e-3)),)
IMAGES = np.random.default_rng(0).integers(0, 256, (400, 8, 8, 1), dtype=np.uint8)


def _never(*_: object) -> str:
    raise AssertionError("no training was to start")


def _store(root: Path, images: np.ndarray) -> Path:
    root.mkdir(exist_ok=True)
    for split in ("train", "test"):
        np.savez(root / f"{split}.npz", images=images, labels=np.arange(len(images)) % 4)
    return root


def test_a_finished_training_of_other_images_is_refused_and_one_of_the_same_kept(tmp_path: Path) -> None:
    root = _store(tmp_path / "own", IMAGES)
    config = classifier_config(tmp_path / "out", num_epochs=2, batch_size=20).override(
        ["data.name=npz", f"data.root={root}"]
    )
    session = KeptSession()
    classifier.train(config, session)  # type: ignore[arg-type]
    task = classifier.task_of(config)
    save_model(f"{config.output}/model", session.model, session.card | {"config_digest": task.digest})

    _store(root, IMAGES)  # written anew
    (card,) = run_training([classifier.task_of(config)], config.workers, _never, _never)
    assert card["config_digest"] == task.digest

    _store(root, 255 - IMAGES)
    with pytest.raises(UserError, match=r"holds a training of config .*, by its config and its images; choose another"):
        run_training([classifier.task_of(config)], config.workers, _never, _never)


def test_pictures_and_labels_count_and_published_images_go_by_their_name(tmp_path: Path) -> None:
    for number in range(12):
        place = tmp_path / "train" / ("a" if number % 2 else "b")
        place.mkdir(parents=True, exist_ok=True)
        pixels = np.random.default_rng(number).integers(0, 256, (8, 8, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(place / f"{number}.png")
    own = TrainClassifierConfig(data=DataConfig(name="folder", root=str(tmp_path)))
    before = own_digest(own)
    assert own_digest(own) == before != ""
    (tmp_path / "train" / ".DS_Store").write_text("a window's place")
    assert own_digest(own) == before, "what is hidden is no picture"
    (tmp_path / "train" / "a" / "1.png").rename(tmp_path / "train" / "b" / "1.png")
    moved = own_digest(own)
    assert moved != before
    (tmp_path / "train" / "a" / "9.png").rename(tmp_path / "train" / "b" / "+.png")
    assert own_digest(own) != moved, "a label alone: the order of the files is as it was"
    assert own_digest(TrainClassifierConfig()) == ""


@pytest.mark.parametrize(
    ("task_of", "config"),
    [
        (classifier.task_of, TrainClassifierConfig(eps_warmup_epochs=0)),
        (score_model.task_of, TrainScoreModelConfig(model=UNetConfig(base_channels=8, channels_per_group=4))),
        (binary.task_of, TrainBinaryConfig(class_index=1, batch_size=8, validation=None)),
    ],
    ids=["classifier", "score model", "binary"],
)
def test_every_training_is_of_its_images(task_of: Callable[[Any], Task], config: Any, tmp_path: Path) -> None:
    root = _store(tmp_path / "own", IMAGES)
    config = config.override(["data.name=npz", f"data.root={root}"])
    first = task_of(config).digest
    assert task_of(config).digest == first
    _store(root, 255 - IMAGES)
    assert task_of(config).digest != first


def test_p0_and_outliers_of_a_user_count_too(tmp_path: Path) -> None:
    np.savez(tmp_path / "p0.npz", images=IMAGES)
    files = ImageFilesConfig(path=str(tmp_path / "p0.npz"))
    configs = (
        TrainBinaryConfig(p0=files),
        TrainClassifierConfig(outliers=OutliersConfig(source=MixtureConfig(sources=(NoiseConfig(), files)))),
    )
    before = [own_digest(config) for config in configs]
    assert all(before)
    np.savez(tmp_path / "p0.npz", images=255 - IMAGES)
    after = [own_digest(config) for config in configs]
    assert all(one != other for one, other in zip(before, after, strict=True))


def test_a_search_over_other_images_is_another_search(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It would keep the trials that ended, and a population its weights."""

    class _BegunError(Exception):
        pass

    def begun() -> None:
        raise _BegunError

    monkeypatch.setattr(search.cluster, "connect", begun)
    root = _store(tmp_path / "own", IMAGES)
    base = {"data": {"name": "npz", "root": str(root)}, "num_epochs": 2, "num_validation_images": 50}
    config = SearchConfig(base=base, space=SPACE, num_trials=2, output=str(tmp_path / "out"))
    for _ in range(2):
        with pytest.raises(_BegunError):
            search.run(config)
    _store(root, 255 - IMAGES)
    with pytest.raises(UserError, match="images"):
        search.run(config)
