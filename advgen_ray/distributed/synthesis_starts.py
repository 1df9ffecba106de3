"""Where targeted synthesis begins: the start of every item and the class it is to show, the same for every model."""

from collections.abc import Sequence
from functools import lru_cache, partial
from pathlib import Path

import numpy as np
import torch
from scipy import ndimage
from torch import Tensor

from advgen_ray.config.image_sources import ImageFilesConfig, OtherDataConfig
from advgen_ray.config.synthesis import ClassGaussianConfig, OwnImagesConfig, SynthesizeConfig
from advgen_ray.data import datasets
from advgen_ray.data.datasets import LabelledImages
from advgen_ray.data.image_files import read_image_files, resized, some
from advgen_ray.distributed.image_sources import fetch
from advgen_ray.errors import UserError
from advgen_ray.rng import Stream
from advgen_ray.storage.filesystem import local_copy
from advgen_ray.synthesis.class_gaussian import ClassGaussian, fit_class_gaussian

NO_CLASS = -1


class Starts:
    """Images by the number of their item; draws are keyed by it, so that neither model nor ascent decides them.

    Classes take turns by that number. An image of the data itself is to show another class than its own, the others
    taking turns. Images of elsewhere are drawn without repetition. Raises UserError where there are too few, and for a
    class without two training images to fit a normal distribution to.
    """

    def __init__(self, config: SynthesizeConfig) -> None:
        self.config = config
        self.info = datasets.dataset_info(config.data.name, config.data.root)
        self.pool = _pool(config)  # None where starts are drawn
        self.order = np.arange(config.num_images)
        if self.pool is not None:
            if config.num_images > len(self.pool):
                raise UserError(f"num_images={config.num_images}: there are {len(self.pool)} to start from; lower it")
            if not isinstance(config.start, OwnImagesConfig):
                self.order = Stream(config.seed, "start_order").permutation(len(self.pool))[: config.num_images]
        self.train = _train(config) if isinstance(config.start, ClassGaussianConfig) else None
        self.gaussians: dict[int, ClassGaussian] = {}  # by class, fitted when first asked for

    def __call__(self, items: np.ndarray) -> Tensor:
        """Starts ``[N, C, H, W]`` in [0, 1] of items ``[N]``, on the CPU."""
        if self.pool is not None:
            chosen = self.pool.subset(self.order[items])
            x = chosen.tensor()
            if x.shape[1:] != self.info.image_shape:
                x = torch.from_numpy(resized(chosen.images, self.info.image_shape)).float() / 255
        elif self.train is not None:
            x = self._from_gaussians(self.train, items)
        else:
            x = Stream(self.config.seed, "start").uniform(items.tolist(), self.info.image_shape)
        sigma = self.config.smoothing_sigma
        if sigma:
            x = torch.from_numpy(ndimage.gaussian_filter(x.numpy(), (0, 0, sigma, sigma))).clamp(0, 1)
        return x

    def labels(self, items: np.ndarray) -> np.ndarray:
        """The class that each start is of, ``NO_CLASS`` of noise and images of elsewhere."""
        if self.train is not None:
            return self.classes(items)
        if self.pool is not None and isinstance(self.config.start, OwnImagesConfig):
            return self.pool.labels[self.order[items]]
        return np.full(len(items), NO_CLASS)

    def classes(self, items: np.ndarray) -> np.ndarray:
        """The class that each image is to show."""
        num_classes = self.info.num_classes
        if isinstance(self.config.start, OwnImagesConfig):
            others = 1 + items % (num_classes - 1)
            return np.asarray((self.labels(items) + others) % num_classes)
        return np.asarray(items % num_classes)

    def _from_gaussians(self, train: LabelledImages, items: np.ndarray) -> Tensor:
        noise = Stream(self.config.seed, "start").normal(items.tolist(), self.info.image_shape)
        x, classes = torch.empty_like(noise), self.classes(items)
        for label in np.unique(classes).tolist():
            if label not in self.gaussians:
                self.gaussians[label] = fit_class_gaussian(train.tensor(np.flatnonzero(train.labels == label)))
            rows = torch.from_numpy(classes == label)
            x[rows] = self.gaussians[label](noise[rows])
        return x


@lru_cache(maxsize=1)
def load_starts(config: SynthesizeConfig) -> Starts:
    """Kept for the next row maker of a process: an actor makes the images of every model and ascent in turn."""
    return Starts(config)


def between(first: Tensor, second: Tensor, positions: Sequence[float]) -> Tensor:
    """Linear interpolations ``[len(positions), C, H, W]`` of two images ``[C, H, W]``."""
    weights = torch.tensor(positions).view(-1, 1, 1, 1)
    return torch.lerp(first[None], second[None], weights)


def _pool(config: SynthesizeConfig) -> LabelledImages | None:
    start = config.start
    if isinstance(start, OwnImagesConfig):
        return fetch(config.data, start.split)
    if isinstance(start, OtherDataConfig):
        return fetch(start.data, "train")
    if isinstance(start, ImageFilesConfig):
        info = datasets.dataset_info(config.data.name, config.data.root)
        choose = partial(some, start.num_images)
        pictures = read_image_files(Path(local_copy(start.path)), info.image_shape, choose)
        return LabelledImages(pictures, np.full(len(pictures), NO_CLASS), info, "files", "train")
    return None


def _train(config: SynthesizeConfig) -> LabelledImages:
    train = fetch(config.data, "train")
    counts = np.bincount(train.labels, minlength=train.info.num_classes)
    if counts.min() < 2:
        name = train.info.class_names[int(counts.argmin())]
        raise UserError(
            f"the train split of {train.name} has {counts.min()} images of class {name!r}; a normal distribution takes "
            "2: give another start"
        )
    return train
