"""Photographs in folders: sizes, crops, labels by the order of the folders, and what is said when they are amiss."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from advgen_ray.data.catalog import CATALOG
from advgen_ray.data.datasets import load
from advgen_ray.data.folders import read_imagenette, read_tiny_imagenet
from advgen_ray.errors import UserError

WNIDS = ("n02", "n01", "n03")  # written in this order, labelled in the order of the names


def _write(path: Path, width: int, height: int, left: int, right: int, mode: str = "RGB") -> None:
    """A picture whose left half is of one grey and whose right half is of another."""
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.full((height, width, 3), left, dtype=np.uint8)
    pixels[:, width // 2 :] = right
    Image.fromarray(pixels).convert(mode).save(path, quality=95)


@pytest.fixture
def tiny(tmp_path: Path) -> Path:
    folder = tmp_path / "tiny-imagenet-200"
    lines = []
    for number, wnid in enumerate(WNIDS):
        for index in range(2):
            mode = "L" if index else "RGB"  # the set has grey pictures
            _write(folder / "train" / wnid / "images" / f"{wnid}_{index}.JPEG", 64, 64, 60 * number, 200, mode)
        (folder / "train" / wnid / f"{wnid}_boxes.txt").write_text("not a picture")
        _write(folder / "val" / "images" / f"val_{number}.JPEG", 64, 64, 60 * number, 100)
        lines.append(f"val_{number}.JPEG\t{wnid}\t0\t0\t62\t62\n")
    (folder / "val" / "val_annotations.txt").write_text("".join(reversed(lines)))
    return tmp_path


def test_tiny_imagenet(tiny: Path) -> None:
    images, labels = read_tiny_imagenet(str(tiny), "train", False, num_classes=3)
    assert images.shape == (6, 3, 64, 64)
    assert images.dtype == np.uint8
    assert sorted(labels.tolist()) == [0, 0, 1, 1, 2, 2]
    greys = {0: 60, 1: 0, 2: 120}  # n01 was the second
    assert images[:, 0, 32, 8].tolist() == pytest.approx([greys[label] for label in labels.tolist()], abs=3)
    assert images[:, :, 32, 60].min() > 190
    images, labels = read_tiny_imagenet(str(tiny), "test", False, num_classes=3)
    assert labels.tolist() == [1, 0, 2]  # by file name
    assert images[:, 0, 32, 8].tolist() == pytest.approx([0, 60, 120], abs=3)


@pytest.fixture
def imagenette(tmp_path: Path) -> Path:
    for part in ("train", "val"):
        for wnid in WNIDS:
            folder = tmp_path / "imagenette2-160" / part / wnid
            _write(folder / "a.JPEG", 220, 160, 50, 200)  # as the set comes
            _write(folder / "b.JPEG", 320, 400, 50, 200)  # of any size
            (folder / "._a.JPEG").write_bytes(b"of a Mac")
        _write(folder.parent / ".ipynb_checkpoints" / "a.JPEG", 160, 160, 50, 200)
    return tmp_path


@pytest.mark.parametrize("side", [150, 160])
@pytest.mark.parametrize("split", ["train", "test"])
def test_imagenette_is_cropped_from_the_centre(side: int, split: str, imagenette: Path) -> None:
    images, labels = read_imagenette(side, str(imagenette), split, False, num_classes=3)  # type: ignore[arg-type]
    assert images.shape == (6, 3, side, side)
    assert sorted(labels.tolist()) == [0, 0, 1, 1, 2, 2]
    left, right = images[:, :, 75, side // 2 - 6], images[:, :, 75, side // 2 + 5]  # the edge stays in the middle
    assert left.max() < 60
    assert right.min() > 190


def test_the_first_images_are_of_all_classes_and_keep_their_labels(tmp_path: Path) -> None:
    for number, wnid in enumerate(sorted(WNIDS)):
        for index in range(20):
            for folder in ("tiny-imagenet-200/train/{}/images", "imagenette2-160/val/{}"):
                _write(tmp_path / folder.format(wnid) / f"{index:02d}.png", 64, 64, 80 * number, 80 * number)
    for images, labels in (
        read_tiny_imagenet(str(tmp_path), "train", False, num_classes=3),
        read_imagenette(32, str(tmp_path), "test", False, num_classes=3),
    ):
        assert np.bincount(labels[:20], minlength=3).min() > 2
        assert images[:, 0, 5, 5].tolist() == (80 * labels).tolist()


def test_they_are_loaded_by_name_with_cataloged_facts(imagenette: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(UserError, match="3 of 10 class folders"):
        load("imagenette", str(imagenette), "train")
    for number in range(7):
        _write(imagenette / "imagenette2-160" / "train" / f"n1{number}" / "a.png", 160, 160, 0, 0)
    images = load("imagenette", str(imagenette), "train")
    assert images.tensor([0]).shape[1:] == images.info.image_shape == (3, 150, 150)
    assert images.item_ids([1]) == ["imagenette-train-000001"]
    assert CATALOG["tiny_imagenet"].num_classes == 200
    assert CATALOG["imagenette_160"].image_shape == (3, 160, 160)


@pytest.mark.parametrize("name", ["tiny_imagenet", "imagenette"])
def test_missing_folders_are_named(name: str, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"set data\.root") as caught:
        load(name, str(tmp_path), "train")
    assert str(tmp_path) in str(caught.value)
    assert "\n" not in str(caught.value)
    assert ("data.download=true" in str(caught.value)) == (name == "imagenette")


def test_a_download_that_fails_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(UserError, match=rf"^imagenette: download into {tmp_path}/file failed: .*$"):
        load("imagenette", str(tmp_path / "file"), "train", download=True)


def test_what_is_only_partly_there_is_said_to_be(tiny: Path) -> None:
    folder = tiny / "tiny-imagenet-200"
    with pytest.raises(UserError, match="cannot be fetched from here"):
        load("tiny_imagenet", str(tiny), "train", download=True)
    annotations = folder / "val" / "val_annotations.txt"
    annotations.write_text("val_0.JPEG\tn99\n")
    with pytest.raises(UserError, match=r"val_annotations.txt: damaged"):
        read_tiny_imagenet(str(tiny), "test", False, num_classes=3)
    annotations.unlink()
    with pytest.raises(UserError, match=r"val_annotations.txt: No such file"):
        read_tiny_imagenet(str(tiny), "test", False, num_classes=3)
    picture = folder / "train" / "n01" / "images" / "n01_0.JPEG"
    picture.write_bytes(picture.read_bytes()[:300])
    with pytest.raises(UserError, match=r"n01_0.JPEG: no whole PNG or JPEG image; unpack the archive again"):
        read_tiny_imagenet(str(tiny), "train", False, num_classes=3)
    for path in picture.parent.iterdir():
        path.unlink()
    with pytest.raises(UserError, match="no images there"):
        read_tiny_imagenet(str(tiny), "train", False, num_classes=3)
