"""What is trained on: keyed hold-outs, exclusions by name, and a digest that tells trainings apart."""

from pathlib import Path

import pytest

from advgen_ray.config import TrainClassifierConfig
from advgen_ray.data.datasets import LabelledImages, load
from advgen_ray.errors import UserError
from advgen_ray.stages import classifier
from advgen_ray.stages.training_split import energy_images, split_training, with_exclude_digest, write_item_ids
from tests.small_training import classifier_config


@pytest.fixture(scope="module")
def digits() -> LabelledImages:
    return load("digits", "", "train")


def _ids(images: LabelledImages) -> list[str]:
    return images.item_ids(range(len(images)))


def _config(**changes: object) -> TrainClassifierConfig:
    return classifier_config(Path("nowhere"), **changes)


def test_nothing_held_out_leaves_the_split_as_it_is(digits: LabelledImages) -> None:
    images, held_out = split_training(digits, _config())
    assert images is digits
    assert len(held_out) == 0


def test_held_out_images_are_drawn_by_the_seed_and_not_trained_on(digits: LabelledImages) -> None:
    images, held_out = split_training(digits, _config(num_validation_images=200))
    assert (len(images), len(held_out)) == (1200, 200)
    assert sorted(_ids(images) + _ids(held_out)) == _ids(digits)
    assert _ids(split_training(digits, _config(num_validation_images=200))[1]) == _ids(held_out)
    assert _ids(split_training(digits, _config(num_validation_images=200, seed=1))[1]) != _ids(held_out)
    assert len(set(held_out.labels)) == 10  # not the first of a sorted split
    index = 17
    original = int(_ids(images)[index][-6:])
    assert (images.images[index] == digits.images[original]).all()
    assert images.labels[index] == digits.labels[original]


def test_excluded_images_are_left_out_and_the_same_ones_held_out(digits: LabelledImages, tmp_path: Path) -> None:
    names = [f"digits-train-{index:06d}" for index in range(0, 300, 3)]
    write_item_ids(f"{tmp_path}/low.json", names)
    config = _config(num_validation_images=200, exclude=f"{tmp_path}/low.json")
    images, held_out = split_training(digits, config)
    assert not set(_ids(images)) & (set(names) | set(_ids(held_out)))
    assert len(images) == len(set(_ids(digits)) - set(names) - set(_ids(held_out)))
    assert _ids(held_out) == _ids(split_training(digits, _config(num_validation_images=200))[1])


def test_the_digest_says_what_is_left_out_and_not_where_it_is_written(tmp_path: Path) -> None:
    digests = set()
    for folder, names in (
        ("a", ["digits-train-000001"]),
        ("b", ["digits-train-000001"]),
        ("c", ["digits-train-000002"]),
    ):
        digest = write_item_ids(f"{tmp_path}/{folder}/left_out.json", names)
        config = _config(exclude=f"{tmp_path}/{folder}/left_out.json")
        task = classifier.task_of(config)
        assert isinstance(task.config, TrainClassifierConfig)
        assert task.config.exclude_digest == digest
        digests.add(task.digest)
    assert len(digests) == 2
    assert classifier.task_of(_config()).digest not in digests


def test_a_list_that_changed_after_the_start_is_refused(digits: LabelledImages, tmp_path: Path) -> None:
    uri = f"{tmp_path}/left_out.json"
    write_item_ids(uri, ["digits-train-000001"])
    config = with_exclude_digest(_config(exclude=uri))
    split_training(digits, config)
    write_item_ids(uri, ["digits-train-000002"])
    with pytest.raises(UserError, match="changed since this training was set up"):
        split_training(digits, config)
    with pytest.raises(UserError, match=rf"exclude_digest {config.exclude_digest}: no exclude names the file"):
        with_exclude_digest(_config(exclude_digest=config.exclude_digest))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "not found; give a JSON file"),
        ("[1", "expected JSON with a list 'item_ids'"),
        ("[]", "expected JSON with a list 'item_ids'"),
        ('{"item_ids": [1, "a"]}', "expected JSON with a list 'item_ids' of strings"),
        ('{"item_ids": [[1]]}', "expected JSON with a list 'item_ids' of strings"),
        ('{"item_ids": "ab"}', "expected JSON with a list 'item_ids' of strings"),
        ('{"item_ids": ["cifar10-train-000001"]}', "'cifar10-train-000001' is not in the training split of digits"),
    ],
)
def test_a_list_that_cannot_be_meant_is_one_line(
    content: str | None, message: str, digits: LabelledImages, tmp_path: Path
) -> None:
    if content:
        (tmp_path / "ids.json").write_text(content)
    with pytest.raises(UserError, match=message) as caught:
        split_training(digits, _config(exclude=str(tmp_path / "ids.json")))
    assert "\n" not in str(caught.value)


def test_something_must_be_left_to_train_on(digits: LabelledImages) -> None:
    with pytest.raises(UserError, match="leave none of 1400 to train on"):
        split_training(digits, _config(num_validation_images=1400))


def test_energies_are_of_a_keyed_sample(digits: LabelledImages) -> None:
    some = energy_images(digits, _config(num_energy_images=50))
    assert len(set(_ids(some))) == 50
    assert _ids(some) == sorted(_ids(some)) != _ids(digits)[:50]
    assert len(energy_images(some, _config())) == 50  # as many as there are
