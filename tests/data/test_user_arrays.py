"""Users' own arrays: three layouts, two types, and one clear line for everything that images cannot be."""

import pickle
import struct
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from advgen_ray.data.datasets import dataset_info, load
from advgen_ray.errors import UserError
from tests.damage import Bomb


def _write(root: Path, split: str = "train", **changes: Any) -> None:
    rng = np.random.default_rng(len(split))
    arrays = {"images": rng.integers(0, 256, (12, 6, 5, 3), dtype=np.uint8), "labels": np.arange(12) % 3}
    np.savez(root / f"{split}.npz", **(arrays | changes))


def test_channels_last_bytes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("advgen_ray.data.user_arrays.IMAGES_AT_ONCE", 5)  # of 12
    _write(tmp_path)
    _write(tmp_path, "test")
    train, test = load("npz", str(tmp_path), "train"), load("npz", str(tmp_path), "test")
    assert train.images.shape == (12, 3, 6, 5)
    assert train.info.class_names == ("class-0", "class-1", "class-2")
    assert train.info == test.info == dataset_info("npz", str(tmp_path))
    pixels = train.tensor().double()
    assert train.info.mean == pytest.approx(pixels.mean((0, 2, 3)).tolist(), abs=1e-4)
    assert train.info.std == pytest.approx(pixels.std((0, 2, 3), correction=0).tolist(), abs=1e-4)
    assert train.item_ids([1]) == ["npz-train-000001"]


@pytest.mark.parametrize("shape", [(12, 6, 5), (12, 1, 6, 5), (12, 6, 5, 1)])
def test_gray_floats_in_every_layout(shape: tuple[int, ...], tmp_path: Path) -> None:
    images = np.random.default_rng(0).random((12, 6, 5))
    _write(tmp_path, images=images.reshape(shape), class_names=np.array(["a", "b", "c", "d"]))
    train = load("npz", str(tmp_path), "train")
    assert train.images.dtype == np.float32
    assert np.array_equal(train.images[:, 0], images.astype(np.float32))
    assert train.info.class_names == ("a", "b", "c", "d")


def _images(value: float) -> np.ndarray:
    images = np.full((12, 4, 4), 0.5)
    images[3, 2, 1] = value
    return images


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"images": _images(np.nan)}, "1 NaN"),
        ({"images": _images(1.5)}, r"range from 0\.5 to 1\.5"),
        ({"images": _images(-0.5)}, r"range from -0\.5"),
        ({"images": _images(255.0)}, "divide 0..255 by 255"),
        ({"images": np.zeros((12, 4, 4), np.int64)}, "int64"),
        ({"images": np.zeros((12, 4, 4), np.uint8)}, "same value in every pixel"),
        ({"images": np.zeros((12, 16))}, "shape"),
        ({"images": np.zeros((12, 4, 4, 2))}, "1 or 3 channels"),
        ({"labels": np.arange(11)}, r"12 images but labels of shape \(11,\)"),
        ({"labels": np.arange(12) - 1}, "from -1"),
        ({"labels": np.arange(12) / 2}, "float64"),
        ({"labels": np.arange(12) % 3, "class_names": np.array(["a", "b"])}, r"expected 0\.\.1"),
        ({"class_names": np.array([1, 2, 3])}, "class_names"),
        ({"labels": np.arange(12) % 3 * 2500}, "labels go up to 5000, but no image is of class 1; number the"),
        ({"labels": np.arange(12) % 3 + 1}, r"no image is of class 0; number the 3 classes 0\.\.2, or .* class_names"),
        ({"labels": np.where(np.arange(12) == 7, 2**40, 0)}, f"labels go up to {2**40}"),
    ],
)
def test_bad_values_are_named_in_one_line(changes: dict[str, Any], message: str, tmp_path: Path) -> None:
    _write(tmp_path, **changes)
    with pytest.raises(UserError, match=message) as caught:
        load("npz", str(tmp_path), "train")
    assert "train.npz" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_the_test_split_must_fit_the_training_split(tmp_path: Path) -> None:
    _write(tmp_path)
    _write(tmp_path, "test", labels=np.full(12, 3))
    with pytest.raises(UserError, match=r"test\.npz: labels range from 3 to 3, expected 0\.\.2"):
        load("npz", str(tmp_path), "test")
    _write(tmp_path, "test", images=np.random.default_rng(0).random((12, 6, 6, 3)))
    with pytest.raises(UserError, match=r"expected \(3, 6, 5\)"):
        load("npz", str(tmp_path), "test")


def test_names_of_the_test_split_alone_are_as_many_as_there_are_classes(tmp_path: Path) -> None:
    _write(tmp_path)
    _write(tmp_path, "test", class_names=np.array(["a", "b", "c"]))
    load("npz", str(tmp_path), "test")
    _write(tmp_path, "test", class_names=np.array(["a", "b", "c", "d"]))
    with pytest.raises(UserError, match="class_names has 4 entries, expected 3"):
        load("npz", str(tmp_path), "test")


def test_colours_first_are_taken_as_they_are_though_rows_are_of_three_pixels(tmp_path: Path) -> None:
    images = np.random.default_rng(0).random((12, 3, 4, 3), dtype=np.float32)
    _write(tmp_path, images=images)
    assert np.array_equal(load("npz", str(tmp_path), "train").images, images)


def test_classes_without_an_image_are_known_by_their_names(tmp_path: Path) -> None:
    names = np.array(["a", "b", "c", "d", "e"])
    _write(tmp_path, labels=np.arange(12) % 2 * 3, class_names=names)
    assert load("npz", str(tmp_path), "train").info.class_names == ("a", "b", "c", "d", "e")


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (["c", "b", "a"], r"test\.npz: class_names has 'c' at place 0, expected 'a' as in train\.npz; store one list"),
        (["a", "b", "c", "d"], r"test\.npz: class_names has 4 entries, expected 3 as in train\.npz"),
        (["a"], r"test\.npz: class_names has shape \(1,\)"),
    ],
)
def test_the_test_split_has_the_names_of_the_training_split(names: list[str], message: str, tmp_path: Path) -> None:
    _write(tmp_path, class_names=np.array(["a", "b", "c"]))
    _write(tmp_path, "test", class_names=np.array(["a", "b", "c"]))
    load("npz", str(tmp_path), "test")
    _write(tmp_path, "test", class_names=np.array(names))
    with pytest.raises(UserError, match=message):
        load("npz", str(tmp_path), "test")


def test_missing_incomplete_and_foreign_files(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"train\.npz: not found"):
        load("npz", str(tmp_path), "train")
    path = tmp_path / "train.npz"
    np.savez(path, pictures=np.zeros(3))
    with pytest.raises(UserError, match="no array 'images'"):
        load("npz", str(tmp_path), "train")
    _write(tmp_path)
    path.write_bytes(path.read_bytes()[:-200])
    with pytest.raises(UserError, match="not a complete"):
        load("npz", str(tmp_path), "train")


def test_damage_within_what_is_compressed_is_one_line(tmp_path: Path) -> None:
    path = tmp_path / "train.npz"
    np.savez_compressed(path, images=np.zeros((3, 8, 8), np.uint8), labels=np.arange(3))
    with zipfile.ZipFile(path) as archive:
        images = archive.getinfo("images.npy")
    content = bytearray(path.read_bytes())
    name, more = struct.unpack_from("<HH", content, images.header_offset + 26)  # lengths of what stands before it
    content[images.header_offset + 30 + name + more] ^= 0b110  # the kind of the first block
    path.write_bytes(content)
    with pytest.raises(UserError, match="not a complete"):
        load("npz", str(tmp_path), "train")


def test_one_array_of_numpy_save_is_refused(tmp_path: Path) -> None:
    with (tmp_path / "train.npz").open("wb") as file:
        np.save(file, np.zeros((3, 8, 8), np.uint8))
    with pytest.raises(UserError, match=r"train\.npz: cannot be read .*; write it again with numpy\.savez"):
        load("npz", str(tmp_path), "train")


def test_objects_are_refused_and_not_unpickled(tmp_path: Path) -> None:
    marker = tmp_path / "executed"
    _write(tmp_path, labels=np.array([Bomb(marker)], dtype=object))
    with pytest.raises(UserError, match="Python objects"):
        load("npz", str(tmp_path), "train")
    (tmp_path / "train.npz").write_bytes(pickle.dumps(Bomb(marker)))
    with pytest.raises(UserError, match="cannot be read"):
        load("npz", str(tmp_path), "train")
    assert not marker.exists()
