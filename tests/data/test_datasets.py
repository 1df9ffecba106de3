"""Labelled images: what is shipped, what torchvision reads, and what a user is told when files are not there."""

import pickle
import struct
from pathlib import Path

import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits

from advgen_ray.data.catalog import CATALOG
from advgen_ray.data.datasets import dataset_info, load
from advgen_ray.errors import UserError


def test_digits_are_those_of_scikit_learn_each_in_one_split() -> None:
    train, test = load("digits", "", "train"), load("digits", "", "test")
    assert (len(train), len(test)) == (1400, 397)
    reference = load_digits()
    expected = {row.tobytes() + bytes([label]) for row, label in zip(reference.images, reference.target, strict=True)}
    ours = [
        (split.images[i, 0] * 16).astype(np.float64).tobytes() + bytes([split.labels[i]])
        for split in (train, test)
        for i in range(len(split))
    ]
    assert set(ours) == expected
    assert len(ours) == len(reference.target)


def test_digits_have_the_cataloged_shape_and_statistics() -> None:
    train, info = load("digits", "", "train"), CATALOG["digits"]
    pixels = train.tensor()
    assert pixels.shape[1:] == info.image_shape
    assert pixels.dtype == torch.float32
    assert (pixels.min(), pixels.max()) == (0, 1)
    assert pixels.mean().item() == pytest.approx(info.mean[0], abs=1e-3)
    assert pixels.std().item() == pytest.approx(info.std[0], abs=1e-3)
    assert np.bincount(train.labels).min() > 120  # the split is not sorted by class


def test_tensors_are_private_copies_and_ids_are_stable() -> None:
    train = load("digits", "", "train")
    train.tensor([3]).zero_()
    train.targets([3]).zero_()
    again = load("digits", "", "train")
    assert torch.equal(train.tensor([3]), again.tensor([3]))
    assert torch.equal(train.targets([3]), again.targets([3]))
    assert train.item_ids([12, 3]) == ["digits-train-000012", "digits-train-000003"]


def test_the_first_images_of_a_split() -> None:
    test = load("digits", "", "test")
    assert len(test.first(None)) == 397
    few = test.first(20)
    assert torch.equal(few.tensor(), test.tensor(slice(20)))
    assert few.item_ids([3]) == test.item_ids([3])
    with pytest.raises(UserError, match="398 images asked for: the test split of digits has 397"):
        test.first(398)


def _cifar(root: Path) -> np.ndarray:
    """A CIFAR-10 of five images a batch, in the layout of the archive."""
    folder = root / "cifar-10-batches-py"
    folder.mkdir()
    rows = np.random.default_rng(0).integers(0, 256, (6, 5, 3072), dtype=np.uint8)
    names = [*(f"data_batch_{i}" for i in range(1, 6)), "test_batch"]
    for name, batch in zip(names, rows, strict=True):
        (folder / name).write_bytes(pickle.dumps({"data": batch, "labels": [0, 1, 2, 3, 9]}))
    (folder / "batches.meta").write_bytes(pickle.dumps({"label_names": list(CATALOG["cifar10"].class_names)}))
    return rows


def test_cifar_through_torchvision_is_channels_first_bytes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = _cifar(tmp_path)
    monkeypatch.setattr("torchvision.datasets.cifar.check_integrity", lambda *_: True)
    train, test = load("cifar10", str(tmp_path), "train"), load("cifar10", str(tmp_path), "test")
    assert train.images.dtype == np.uint8
    assert np.array_equal(train.images, rows[:5].reshape(25, 3, 32, 32))
    assert np.array_equal(test.images, rows[5].reshape(5, 3, 32, 32))
    assert train.tensor([7])[0, 2, 1, 4].item() == pytest.approx(train.images[7, 2, 1, 4] / 255)
    assert train.labels.tolist() == [0, 1, 2, 3, 9] * 5
    assert train.item_ids([0]) == ["cifar10-train-000000"]


@pytest.mark.parametrize("name", ["mnist", "fashion_mnist", "cifar10", "cifar100", "svhn"])
def test_missing_files_are_named_with_the_place_and_the_cure(name: str, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"data\.download=true") as caught:
        load(name, str(tmp_path), "train")
    assert str(tmp_path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_damaged_files_are_said_to_be(tmp_path: Path) -> None:
    _cifar(tmp_path)  # its check sums are not the archive's
    with pytest.raises(UserError, match="missing or damaged"):
        load("cifar10", str(tmp_path), "train")


def _mnist(root: Path) -> Path:
    """An MNIST of five images and labels, in the layout of the archive."""
    folder = root / "MNIST" / "raw"
    folder.mkdir(parents=True)
    for part in ("train", "t10k"):
        (folder / f"{part}-images-idx3-ubyte").write_bytes(_idx(np.ones((5, 28, 28), np.uint8)))
        (folder / f"{part}-labels-idx1-ubyte").write_bytes(_idx(np.arange(5, dtype=np.uint8)))
    return folder


def _idx(array: np.ndarray) -> bytes:
    return struct.pack(f">HBB{array.ndim}I", 0, 8, array.ndim, *array.shape) + array.tobytes()


@pytest.mark.parametrize("part", ["images-idx3-ubyte", "labels-idx1-ubyte"])
def test_damage_that_torchvision_does_not_look_for_is_one_line(tmp_path: Path, part: str) -> None:
    path = _mnist(tmp_path) / f"train-{part}"
    assert load("mnist", str(tmp_path), "train").labels.tolist() == [0, 1, 2, 3, 4]
    whole = path.read_bytes()
    for content in (b"", b"<!DOCTYPE html><html></html>", whole[:6], whole[:-3], b"\0\0\x0c" + whole[3:]):
        path.write_bytes(content)
        with pytest.raises(UserError, match=rf"^MNIST \(train\): .*damaged.* under {path.parent}; .*$"):
            load("mnist", str(tmp_path), "train")


def test_images_without_a_label_each_are_refused(tmp_path: Path) -> None:
    path = _mnist(tmp_path) / "train-images-idx3-ubyte"
    path.write_bytes(_idx(np.ones((4, 28, 28), np.uint8)))
    with pytest.raises(UserError, match=r"MNIST \(train\): 4 images but 5 labels under "):
        load("mnist", str(tmp_path), "train")


def test_a_download_that_fails_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("torchvision.datasets.MNIST.mirrors", ["file:///nowhere/"])
    with pytest.raises(UserError) as caught:
        load("mnist", str(tmp_path), "train", download=True)
    assert f"MNIST: download into {tmp_path}/MNIST/raw failed: Error downloading" in str(caught.value)
    assert "\n" not in str(caught.value)
    (tmp_path / "file").touch()
    with pytest.raises(UserError, match=rf"^MNIST \(train\): cannot read or fetch under {tmp_path}/file: .*$"):
        load("mnist", str(tmp_path / "file"), "train", download=True)


def test_unknown_names_are_refused() -> None:
    with pytest.raises(UserError, match="'imagenet': unknown"):
        load("imagenet", "", "train")


def test_facts_are_known_without_files() -> None:
    assert dataset_info("cifar100", "/nowhere").num_classes == 100


def test_a_subset_keeps_the_names_of_its_images() -> None:
    train = load("digits", "", "train")
    some = train.subset([7, 3, 11])
    assert torch.equal(some.tensor(), train.tensor([7, 3, 11]))
    assert torch.equal(some.targets([1]), train.targets([3]))
    assert some.item_ids([0, 2]) == train.item_ids([7, 11])
    assert some.subset(slice(1, 3)).item_ids([1]) == some.first(3).item_ids([2]) == train.item_ids([11])
    assert len(train.subset(slice(0))) == 0
