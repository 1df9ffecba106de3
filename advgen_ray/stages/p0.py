"""What binary AT contrasts the data with: samples of p0, read or drawn, in the shape of the data."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np

from advgen_ray.config import DataConfig, TrainBinaryConfig
from advgen_ray.config.binary import ImageFilesConfig, NoiseConfig, OtherDataConfig
from advgen_ray.data.catalog import DatasetInfo
from advgen_ray.data.datasets import LabelledImages, Split
from advgen_ray.data.image_files import read_image_files, resized
from advgen_ray.errors import UserError
from advgen_ray.rng import Stream
from advgen_ray.storage.filesystem import local_copy

Sides = tuple[LabelledImages, LabelledImages]
"""The data, and samples of p0."""

Load = Callable[[DataConfig, Split], LabelledImages]


def split_sides(config: TrainBinaryConfig, split: Split, load: Load) -> Sides:
    """The data and the samples of p0 of a split; files and noise are cut in ten, of which the last is ``test``.

    Raises UserError for a class that the data do not have, and for a p0 that cannot be read.
    """
    images = load(config.data, split)
    data = images if config.class_index is None else _of_class(images, config.class_index)
    return data, _p0(config, images, split, load)


def _of_class(images: LabelledImages, class_index: int) -> LabelledImages:
    if class_index >= images.info.num_classes:
        raise UserError(
            f"class_index={class_index}: {images.name} has classes 0 to {images.info.num_classes - 1}; choose one"
        )
    return images.subset(np.flatnonzero(images.labels == class_index))


def _p0(config: TrainBinaryConfig, images: LabelledImages, split: Split, load: Load) -> LabelledImages:
    p0, info = config.p0, images.info
    if isinstance(p0, OtherDataConfig):
        other = load(p0.data, split)
        return replace(other, images=resized(other.images, info.image_shape))
    if isinstance(p0, ImageFilesConfig):
        return _tenth(read_image_files(Path(local_copy(p0.path)), info.image_shape), "p0-files", info, split)
    if isinstance(p0, NoiseConfig):
        uniform = Stream(config.seed, "p0_noise").uniform(range(p0.num_images), info.image_shape).numpy()
        return _tenth((256 * uniform).astype(np.uint8), "p0-noise", info, split)
    return images.subset(np.flatnonzero(images.labels != config.class_index))


def _tenth(pictures: np.ndarray, name: str, info: DatasetInfo, split: Split) -> LabelledImages:
    cut = len(pictures) - len(pictures) // 10
    chosen = slice(cut) if split == "train" else slice(cut, None)
    pictures = pictures[chosen]
    return LabelledImages(pictures, np.zeros(len(pictures), dtype=np.int64), info, name, split)
