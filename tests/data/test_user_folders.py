"""Users' own pictures: a folder a class, and one clear line for everything that pictures cannot be."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from advgen_ray.data.datasets import dataset_info, load
from advgen_ray.errors import UserError

RNG = np.random.default_rng(0)
PIXELS = {f"{name}-{i}": RNG.integers(0, 256, (6, 5, 3), dtype=np.uint8) for name in ("cat", "dog") for i in range(2)}


def write(root: Path, split: str = "train", gray: bool = False) -> None:
    for key, pixels in PIXELS.items():
        name, number = key.split("-")
        path = root / split / name / f"{number}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixels[..., 0] if gray else pixels).save(path)


def test_pictures_have_their_labels_in_an_order_fixed_for_good(tmp_path: Path) -> None:
    write(tmp_path)
    write(tmp_path, "test")
    train, test = load("folder", str(tmp_path), "train"), load("folder", str(tmp_path), "test")
    assert train.info == test.info == dataset_info("folder", str(tmp_path))
    assert (train.info.class_names, train.info.image_shape) == (("cat", "dog"), (3, 6, 5))
    order = np.random.default_rng(0).permutation(4)
    assert train.labels.tolist() == np.array([0, 0, 1, 1])[order].tolist()
    assert np.array_equal(train.images, np.stack(list(PIXELS.values())).transpose(0, 3, 1, 2)[order])
    pixels = train.tensor().double()
    assert train.info.mean == pytest.approx(pixels.mean((0, 2, 3)).tolist(), abs=1e-4)
    assert train.info.std == pytest.approx(pixels.std((0, 2, 3), correction=0).tolist(), abs=1e-4)
    assert train.item_ids([1]) == ["folder-train-000001"]


def test_the_first_images_are_of_all_classes(tmp_path: Path) -> None:
    for number, name in enumerate("abcde"):
        (tmp_path / "train" / name).mkdir(parents=True)
        for index in range(40):
            Image.fromarray(np.full((2, 2), 40 * number, np.uint8)).save(tmp_path / "train" / name / f"{index}.png")
    first = load("folder", str(tmp_path), "train").first(50)
    assert np.bincount(first.labels, minlength=5).min() > 3
    assert first.images[:, 0, 0, 0].tolist() == (40 * first.labels).tolist()


def test_gray_pictures_have_one_channel_unless_one_has_colours(tmp_path: Path) -> None:
    write(tmp_path, gray=True)
    assert dataset_info("folder", str(tmp_path)).image_shape == (1, 6, 5)
    Image.fromarray(PIXELS["cat-0"]).save(tmp_path / "train" / "cat" / "0.png")
    assert dataset_info("folder", str(tmp_path)).image_shape == (3, 6, 5), "what has changed is read again"


def test_sixteen_bits_are_scaled_to_eight(tmp_path: Path) -> None:
    ramp = np.linspace(0, 65535, 30).round().astype(np.uint16).reshape(6, 5)
    for name in ("cat", "dog"):
        (tmp_path / "train" / name).mkdir(parents=True)
        Image.fromarray(ramp).save(tmp_path / "train" / name / "0.png")
    found = load("folder", str(tmp_path), "train")
    assert found.info.image_shape == (1, 6, 5)
    np.testing.assert_array_equal(found.images[0, 0], np.rint(ramp / 257))
    Image.fromarray(PIXELS["cat-0"]).save(tmp_path / "train" / "cat" / "0.png")
    found = load("folder", str(tmp_path), "train")
    (dog,) = found.images[found.labels == 1]
    np.testing.assert_array_equal(dog, np.stack([np.rint(ramp / 257)] * 3))


@pytest.mark.parametrize(("kind", "words"), [(np.float32, r"floating-point numbers \(mode F\)"), (np.int32, "32-bit")])
def test_numbers_without_a_known_range_are_refused(tmp_path: Path, kind: type, words: str) -> None:
    write(tmp_path, gray=True)
    Image.fromarray(np.ones((6, 5), kind)).save(tmp_path / "train" / "dog" / "1.png", "TIFF")
    with pytest.raises(
        UserError, match=rf"dog/1\.png: its pixels are {words}.*, expected 8 or 16 bits a channel; save"
    ):
        load("folder", str(tmp_path), "train")


def test_a_class_may_lack_in_the_test_split_but_not_be_new_there(tmp_path: Path) -> None:
    write(tmp_path)
    write(tmp_path, "test")
    for path in (tmp_path / "test" / "cat").iterdir():
        path.unlink()
    (tmp_path / "test" / "cat").rmdir()
    assert load("folder", str(tmp_path), "test").labels.tolist() == [1, 1]
    (tmp_path / "test" / "dog").rename(tmp_path / "test" / "cow")
    with pytest.raises(UserError, match=r"test/cow: no such class in .*train, which has cat, dog"):
        load("folder", str(tmp_path), "test")


def test_what_programs_hide_among_pictures_is_left_out(tmp_path: Path) -> None:
    write(tmp_path)
    write(tmp_path, "test")
    before = load("folder", str(tmp_path), "train").images
    for hidden in ("train/.ipynb_checkpoints/0.png", "train/cat/.ipynb_checkpoints/0.png", "test/.thumbnails/0.png"):
        (tmp_path / hidden).parent.mkdir()
        Image.fromarray(PIXELS["cat-0"]).save(tmp_path / hidden)
    (tmp_path / "train" / "dog" / "._0.png").write_bytes(b"of a Mac")
    train = load("folder", str(tmp_path), "train")
    assert train.info.class_names == ("cat", "dog")
    assert np.array_equal(train.images, before)
    assert len(load("folder", str(tmp_path), "test")) == 4


def test_what_pictures_cannot_be_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"train: no class folders; data\.name folder reads train/CLASS/\*\.png"):
        load("folder", str(tmp_path), "train")
    write(tmp_path)
    with pytest.raises(UserError, match=r"test: no class folders"):
        load("folder", str(tmp_path), "test")
    odd = tmp_path / "train" / "dog" / "1.png"
    Image.fromarray(np.zeros((4, 8, 3), np.uint8)).save(odd)
    with pytest.raises(UserError, match=r"dog/1\.png: 8x4 pixels, expected 5x6 as the others; resize it"):
        load("folder", str(tmp_path), "train")
    for content in (b"", b"\x89PNG\r\n\x1a\nrest"):
        odd.write_bytes(content)
        with pytest.raises(UserError, match=r"dog/1\.png: no whole PNG or JPEG image"):
            load("folder", str(tmp_path), "train")
    whole = (tmp_path / "train" / "dog" / "0.png").read_bytes()
    odd.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(UserError, match=r"dog/1\.png: no whole PNG or JPEG image"):
        load("folder", str(tmp_path), "train")
    odd.unlink()
    odd.symlink_to(tmp_path / "gone.png")
    with pytest.raises(UserError, match=r"dog/1\.png: No such file or directory; .*remove the link"):
        load("folder", str(tmp_path), "train")
    odd.unlink()
    (tmp_path / "train" / "dog" / "0.png").unlink()
    with pytest.raises(UserError, match=r"dog: no PNG or JPEG file in it"):
        load("folder", str(tmp_path), "train")
    Image.fromarray(np.zeros((6, 5, 3), np.uint8)).save(odd)
    for path in (tmp_path / "train" / "cat").iterdir():
        Image.fromarray(np.zeros((6, 5, 3), np.uint8)).save(path)
    with pytest.raises(UserError, match="same value in every pixel"):
        load("folder", str(tmp_path), "train")
