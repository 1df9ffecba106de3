"""What binary AT contrasts the data with: samples of p0, read or drawn, in the shape of the data."""

import numpy as np

from advgen_ray.config import TrainBinaryConfig
from advgen_ray.config.binary import OtherClassesConfig
from advgen_ray.data.datasets import LabelledImages, Split
from advgen_ray.distributed.image_sources import Load, source_images
from advgen_ray.errors import UserError

Sides = tuple[LabelledImages, LabelledImages]
"""The data, and samples of p0."""


def split_sides(config: TrainBinaryConfig, split: Split, load: Load) -> Sides:
    """The data and the samples of p0 of a split; of files and noise a tenth is ``test``, as ``source_images`` says.

    Raises UserError for a class that the data do not have, and for a p0 that cannot be read.
    """
    images = load(config.data, split)
    data = images if config.class_index is None else _of_class(images, config.class_index)
    if isinstance(config.p0, OtherClassesConfig):
        return data, images.subset(np.flatnonzero(images.labels != config.class_index))
    return data, source_images(config.p0, data, split, config.seed, load, "p0")


def _of_class(images: LabelledImages, class_index: int) -> LabelledImages:
    if class_index >= images.info.num_classes:
        raise UserError(
            f"class_index={class_index}: {images.name} has classes 0 to {images.info.num_classes - 1}; choose one"
        )
    return images.subset(np.flatnonzero(images.labels == class_index))
