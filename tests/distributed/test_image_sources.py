"""Files and noise by split: what is held out stays so, whatever number of images the two jobs take."""

from pathlib import Path

import numpy as np
import pytest

from advgen_ray.config import Config
from advgen_ray.config.image_sources import ImageFilesConfig, NoiseConfig
from advgen_ray.data import datasets
from advgen_ray.data.datasets import LabelledImages, Split
from advgen_ray.distributed.image_sources import source_images
from advgen_ray.errors import UserError


def _images(source: Config, split: Split) -> LabelledImages:
    own = datasets.load("digits", "", split)
    return source_images(source, own, split, 0, lambda of, part: datasets.load(of.name, of.root, part), "p0")


def _contents(images: LabelledImages) -> list[bytes]:
    return [image.tobytes() for image in images.images]


@pytest.fixture
def files(tmp_path: Path) -> str:
    path = tmp_path / "some.npz"
    np.savez(path, images=np.random.default_rng(0).integers(0, 256, (200, 8, 8), dtype=np.uint8))
    return str(path)


@pytest.mark.parametrize("numbers", [(40, 200), (200, 40), (40, None), (None, 40), (30, 170)])
def test_no_number_of_files_brings_one_into_both_splits(files: str, numbers: tuple[int | None, int | None]) -> None:
    train, test = (
        _contents(_images(ImageFilesConfig(path=files, num_images=number), split))
        for number, split in zip(numbers, ("train", "test"), strict=True)
    )
    assert not set(train) & set(test)
    assert (len(train), len(test)) == ((numbers[0] or 200) * 9 // 10, (numbers[1] or 200) // 10)


def test_a_smaller_number_of_files_takes_some_from_all_over(files: str) -> None:
    every, some = (_contents(_images(ImageFilesConfig(path=files, num_images=n), "train")) for n in (None, 60))
    places = [every.index(content) for content in some]
    assert places == sorted(set(places))
    assert max(places) > 150
    with pytest.raises(UserError, match="num_images=201: there are 200 to choose from; lower it"):
        _images(ImageFilesConfig(path=files, num_images=201), "test")


@pytest.mark.parametrize("blur", [0.0, 1.0])
@pytest.mark.parametrize(("in_training", "in_test"), [(1000, 300), (300, 1000), (500, 500)])
def test_held_out_noise_is_noise_of_no_training(in_training: int, in_test: int, blur: float) -> None:
    train = _contents(_images(NoiseConfig(num_images=in_training, blur=blur), "train"))
    test = _contents(_images(NoiseConfig(num_images=in_test, blur=blur), "test"))
    assert (len(set(train)), len(set(test))) == (in_training * 9 // 10, in_test // 10)
    assert not set(train) & set(test)


def test_less_than_ten_have_no_tenth() -> None:
    for blur in (0.0, 1.0):
        source = NoiseConfig(num_images=9, blur=blur)
        assert (len(_images(source, "train")), len(_images(source, "test"))) == (9, 0)
