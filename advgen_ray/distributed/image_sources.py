"""Images that a config names by their source, in the shape of the data: read, drawn, or made from the data."""

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np

from advgen_ray.config import Config, DataConfig
from advgen_ray.config.image_sources import (
    AlteredConfig,
    ImageFilesConfig,
    MixtureConfig,
    NoiseConfig,
    OtherDataConfig,
)
from advgen_ray.data import datasets
from advgen_ray.data.alterations import ALTERATIONS, smoothed, stretched
from advgen_ray.data.catalog import DatasetInfo
from advgen_ray.data.datasets import LabelledImages, Split
from advgen_ray.data.image_files import read_image_files, resized, some
from advgen_ray.errors import UserError
from advgen_ray.rng import Stream
from advgen_ray.storage.filesystem import local_copy

Load = Callable[[DataConfig, Split], LabelledImages]


def fetch(of: DataConfig, split: Split) -> LabelledImages:
    """A split, its files fetched first where the config asks for that."""
    return datasets.load(of.name, of.root, split, of.download)


def source_images(
    source: Config, own: LabelledImages, split: Split, seed: int, load: Load, prefix: str
) -> LabelledImages:
    """The images of a split of ``source``, in the shape of ``own``, the data of that split; labels mean nothing.

    Of files and noise, which have no splits, a tenth is ``test``: of all files the last tenth, of noise draws of their
    own, so that another number of images never brings one into both. ``prefix`` begins the names of images that no data
    set names. Raises UserError for what cannot be read.
    """
    info = own.info
    if isinstance(source, OtherDataConfig):
        other = load(source.data, split)
        return replace(other, images=resized(other.images, info.image_shape))
    if isinstance(source, ImageFilesConfig):
        choose = partial(_of_split, source.num_images, split)
        pictures = read_image_files(Path(local_copy(source.path)), info.image_shape, choose)
        return _unlabelled(pictures, f"{prefix}-files", info, split)
    if isinstance(source, NoiseConfig):
        return _unlabelled(_noise(source, info, seed, split), f"{prefix}-noise", info, split)
    if isinstance(source, AlteredConfig):
        pixels = own.tensor().numpy()
        altered = ALTERATIONS[source.alteration](pixels, own.item_ids(range(len(own))), seed)
        return _unlabelled(_eight_bit(altered), f"{prefix}-{source.alteration}", info, split)
    if isinstance(source, MixtureConfig):
        parts = [source_images(one, own, split, seed, load, prefix) for one in source.sources]
        pictures = np.concatenate([resized(part.images, info.image_shape) for part in parts])
        return _unlabelled(pictures, f"{prefix}-mixture", info, split)
    raise UserError(f"images of kind {getattr(source, 'kind', source)!r}: not a source that stands alone")


def _of_split(num_images: int | None, split: Split, count: int) -> np.ndarray:
    wanted = len(some(num_images, count))
    if split == "test":
        return count - count // 10 + some(wanted // 10, count // 10)
    return some(wanted - wanted // 10, count - count // 10)


def _noise(source: NoiseConfig, info: DatasetInfo, seed: int, split: Split) -> np.ndarray:
    num_test = source.num_images // 10
    purpose, count = ("p0_noise_test", num_test) if split == "test" else ("p0_noise", source.num_images - num_test)
    uniform = Stream(seed, purpose).uniform(range(count), info.image_shape).numpy()
    if source.blur:
        return _eight_bit(stretched(smoothed(uniform, source.blur)))
    return (256 * uniform).astype(np.uint8)


def _eight_bit(images: np.ndarray) -> np.ndarray:
    return np.rint(255 * images).astype(np.uint8)


def _unlabelled(pictures: np.ndarray, name: str, info: DatasetInfo, split: Split) -> LabelledImages:
    return LabelledImages(pictures, np.zeros(len(pictures), dtype=np.int64), info, name, split)
