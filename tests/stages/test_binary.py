"""The stage of binary AT without Ray: what p0 is, what is held out and taken over, what it exports."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from pydantic import ValidationError

from advgen_ray.config import (
    DataConfig,
    OptimizerConfig,
    ResNetConfig,
    TrainBinaryConfig,
    TrainClassifierConfig,
    TwoConvConfig,
    WorkersConfig,
)
from advgen_ray.config.binary import AscentFromP0Config, DescentFromDataConfig, WorstCaseConfig
from advgen_ray.config.image_sources import ImageFilesConfig, NoiseConfig, OtherDataConfig
from advgen_ray.data import datasets
from advgen_ray.data.augment import any_resized_crop, resized_crop
from advgen_ray.data.datasets import LabelledImages, Split
from advgen_ray.errors import UserError
from advgen_ray.stages import binary
from advgen_ray.stages.binary_attacks import ascent_of, validation_of
from advgen_ray.stages.p0 import split_sides
from advgen_ray.training.binary import Contest
from advgen_ray.training.model_directory import load_model, save_model
from advgen_ray.training.worker import Worker
from tests.small_training import KeptSession

NETWORK = TwoConvConfig(channels=(4, 8), hidden=32)


def _config(output: Path, **changes: Any) -> TrainBinaryConfig:
    """Digits of 3 against the others, in a ball of 1: 24 steps, validated three times."""
    values: dict[str, Any] = {
        "class_index": 3,
        "model": NETWORK,
        "ascent": AscentFromP0Config(
            norm="l2", eps=1.0, step_size=0.25, first_steps=5, last_steps=5, random_start_share=0.5, keep_best=True
        ),
        "optimizer": OptimizerConfig(learning_rate=2e-3),
        "num_steps": 24,
        "validation": WorstCaseConfig(num_images=20, num_steps=5, every_steps=8),
        "checkpoint_every_steps": 8,
        "output": str(output),
        "workers": WorkersConfig(num_workers=1),
    }
    return TrainBinaryConfig(**(values | changes))


def _load(data: DataConfig, split: Split) -> LabelledImages:
    return datasets.load(data.name, data.root, split)


def _train(config: TrainBinaryConfig) -> KeptSession:
    session = KeptSession()
    binary.train(binary.task_of(config).config, session)  # type: ignore[arg-type]
    return session


def test_the_model_kept_is_measured_on_the_test_split_in_a_ball_that_may_be_another(tmp_path: Path) -> None:
    measured = {}
    for eps in (0.2, 2.0):
        validation = WorstCaseConfig(num_images=20, num_steps=5, every_steps=12, num_test_images=15, eps=eps)
        measured[eps] = _train(_config(tmp_path, validation=validation)).card["metrics"]
    small, large = measured[0.2], measured[2.0]
    assert small["test_clean_auc"] >= small["test_worst_case_auc"] >= small["test_attacked_auc"]
    assert large["test_attacked_auc"] < large["test_worst_case_auc"] < small["test_worst_case_auc"]
    assert large["worst_case_auc"] < small["worst_case_auc"], "while it is trained, too"
    assert "test_clean_auc" not in _train(_config(tmp_path, num_steps=1)).card["metrics"]


def test_steps_are_adams_where_they_are_asked_for(tmp_path: Path) -> None:
    """S004 table 3.1, in training and in validation."""
    sides = split_sides(_config(tmp_path), "test", _load)
    for adam in (False, True):
        config = _config(tmp_path).override([f"ascent.adam={adam}"])
        validation = validation_of(config, sides, Worker())
        assert validation
        assert ascent_of(config)(3, torch.zeros_like).adam is validation.attack(None).adam is adam


def test_it_learns_to_tell_its_class_and_exports_the_best_by_the_worst_case(tmp_path: Path) -> None:
    config = _config(tmp_path, num_steps=160, model=TwoConvConfig(channels=(8, 16), hidden=64))
    config = config.override(["ascent.eps=0.5", "ascent.step_size=0.15", "validation.every_steps=40"])
    session = _train(config)
    records = [record for record in session.records if "worst_case_auc" in record]
    assert [record["step"] for record in records] == [40, 80, 120, 160]
    assert all(record["worst_case_auc"] <= record["clean_auc"] for record in records)
    best = max(records, key=lambda record: record["worst_case_auc"])
    assert session.card["metrics"]["worst_case_auc"] == best["worst_case_auc"] > 0.9
    assert session.card["metrics"]["best_step"] == best["step"]
    assert session.card["architecture"]["num_classes"] == 1
    assert session.card["ended"] == ""
    save_model(tmp_path / "model", session.model, session.card)
    data, p0 = split_sides(_config(tmp_path), "test", _load)
    model = load_model(tmp_path / "model").model
    with torch.no_grad():
        f_data, f_out = (model(images.tensor())[:, 0] for images in (data, p0))
    assert (f_data[:, None] > f_out).float().mean() > 0.95


def test_the_sides_of_one_against_the_rest(tmp_path: Path) -> None:
    data, p0 = split_sides(_config(tmp_path), "train", _load)
    assert set(data.labels) == {3}
    assert set(p0.labels) == set(range(10)) - {3}
    (train_data, train_p0), (held_data, held_p0) = binary._sides(_config(tmp_path), _load)
    assert len(held_data) == len(held_p0) == 20
    for images, train, held in ((data, train_data, held_data), (p0, train_p0, held_p0)):
        names = [set(one.item_ids(range(len(one)))) for one in (train, held)]
        assert not names[0] & names[1]
        assert len(names[0] | names[1]) == len(images)


def test_p0_may_be_other_data_files_or_noise(tmp_path: Path) -> None:
    photographs = np.random.default_rng(0).integers(0, 256, (40, 12, 16, 3), dtype=np.uint8)
    (tmp_path / "photographs").mkdir()
    for number, picture in enumerate(photographs):
        Image.fromarray(picture).save(tmp_path / "photographs" / f"{number:02d}.png")
    np.savez(tmp_path / "train.npz", images=photographs, labels=np.arange(40) % 4)
    other = OtherDataConfig(data=DataConfig(name="npz", root=str(tmp_path)))
    for p0, count in (
        (other, 40),
        (ImageFilesConfig(path=str(tmp_path / "photographs")), 36),
        (NoiseConfig(num_images=50), 45),
    ):
        config = _config(tmp_path, class_index=None, p0=p0, validation=None)
        data, samples = split_sides(config, "train", _load)
        assert len(data) == 1400
        assert len(samples) == count
        assert samples.tensor().shape == (count, 1, 8, 8)
        again = split_sides(config, "train", _load)[1]
        assert torch.equal(samples.tensor(), again.tensor())
        if p0 is not other:
            tests = split_sides(config, "test", _load)[1]
            assert len(tests) == count // 9
            assert not {image.tobytes() for image in tests.images} & {image.tobytes() for image in samples.images}
    assert abs(samples.tensor().mean() - 0.5) < 0.02, "noise"


def test_a_pretrained_classifier_gives_all_but_its_head(tmp_path: Path) -> None:
    config = _config(tmp_path / "out", pretrained=str(tmp_path / "classifier"), num_steps=1, validation=None)
    info = datasets.dataset_info("digits", "")
    kind, architecture = binary._model(config, info)
    torch.manual_seed(5)
    classifier = kind(**(architecture | {"num_classes": 10}))
    card = {"kind": "two_conv", "architecture": architecture | {"num_classes": 10}}
    save_model(tmp_path / "classifier", classifier, card)
    still = config.model_copy(update={"optimizer": OptimizerConfig(learning_rate=1e-12)})
    weights, expected = _train(still).model.state_dict(), classifier.state_dict()
    for name, value in weights.items():
        assert name.startswith("head.") or torch.allclose(value, expected[name], atol=1e-6), name
    assert weights["head.weight"].shape == (1, 32)
    first = binary.task_of(config).digest
    save_model(tmp_path / "classifier", kind(**(architecture | {"num_classes": 10})), card)
    assert binary.task_of(config).digest != first, "another model there makes another training"
    other = config.model_copy(update={"model": ResNetConfig(depth=18, base_channels=2)})
    with pytest.raises(UserError, match=r"another network, a two_conv whose .* does not fit; give a resnet"):
        binary.task_of(other)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"class_index": 10}, "class_index=10: digits has classes 0 to 9"),
        (
            {"validation": WorstCaseConfig(num_images=20, num_test_images=300)},
            "validation.num_test_images=300: data of the test split has",
        ),
        ({"validation": WorstCaseConfig(num_images=5000)}, "validation.num_images=5000: data has"),
        ({"p0": ImageFilesConfig(path="/nowhere")}, "/nowhere"),
        ({"batch_size": 1, "workers": WorkersConfig(num_workers=2)}, "batch_size 1 over"),
    ],
)
def test_mistakes_are_found_before_any_work(tmp_path: Path, changes: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError, match=message):
        binary.task_of(_config(tmp_path, **changes))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"class_index": None}, "p0 other_classes: other than which"),
        ({"ascent": AscentFromP0Config()}, "a worst case needs a ball"),
    ],
)
def test_parts_that_do_not_fit_are_refused(tmp_path: Path, changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        _config(tmp_path, **changes)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"norm": "l2"}, "l2 and linf take a radius, unconstrained none"),
        ({"norm": "linf", "eps": 8.0}, "of 255 that would be"),
        ({"random_start_share": 0.5}, "there is no ball to start in"),
        ({"first_steps": 30}, "first_steps 30 exceeds last_steps 25"),
    ],
)
def test_an_ascent_that_cannot_be_is_refused(values: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        AscentFromP0Config(**values)


def test_generation_without_a_ball_grows_k_and_keeps_the_last_model(tmp_path: Path) -> None:
    config = _config(
        tmp_path,
        class_index=None,
        p0=NoiseConfig(num_images=200),
        ascent=AscentFromP0Config(last_steps=3, epochs_per_k=0.2, last_k_epochs=0.5),
        descent=DescentFromDataConfig(num_steps=2),
        validation=None,
        r1=0.01,
        num_steps=500,
        augment="auto_augment",
        ema_decay=0.9,
    )
    session = _train(config)
    assert session.card["ended"] == "22 updates at K = 3"  # epochs of 44 steps
    assert session.card["num_steps"] == 3 * 9 + 22
    assert session.card["metrics"]["k"] == 3


def test_resized_crops_take_any_part_of_p0_and_a_little_off_the_data(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[Contest] = []

    def stop(_: Any, contest: Contest, **__: Any) -> None:
        seen.append(contest)
        raise InterruptedError

    monkeypatch.setattr(binary, "train_binary", stop)
    with pytest.raises(InterruptedError):
        _train(_config(tmp_path, augment="resized_crop"))
    assert (seen[0].data.augment, seen[0].p0.augment) == (resized_crop, any_resized_crop)


def test_the_old_training_configs_are_what_they_were() -> None:
    """A key more would make every stored model another training."""
    assert "adam_betas" not in TrainClassifierConfig.model_fields
    assert "betas" not in OptimizerConfig.model_fields
