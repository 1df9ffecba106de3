"""The rows of images from classifiers, and of input gradients: loads models and data, converts around the maths."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence

import numpy as np
import pyarrow as pa
import torch
from torch import Tensor

from advgen_ray.config.classifier_images import GenerateFromClassifierConfig
from advgen_ray.data import datasets
from advgen_ray.distributed.columns import NO_JUDGE, classifier_columns, made_by
from advgen_ray.distributed.loading import load_unchanged
from advgen_ray.energy.input_gradients import cross_entropy_gradient, sparsity, targeted_alignment
from advgen_ray.energy.langevin import langevin
from advgen_ray.energy.pca_start import PCAStart, fit_pca_start
from advgen_ray.energy.readout import Readout, read_logits
from advgen_ray.rng import Stream
from advgen_ray.storage import ResultSet
from advgen_ray.storage.schemas import CLASSIFIER_IMAGES, INPUT_GRADIENTS, images_to_column, typed_table
from advgen_ray.synthesis.ssim import nearest
from advgen_ray.training.model_directory import LoadedModel

Rows = tuple[str, np.ndarray]
"""What a shard is made of: a classifier's name and the numbers of its images."""


def shards_of(names: Sequence[str], num_images: int, shard_images: int) -> list[Rows]:
    """Classifier by classifier, ``num_images`` of each in shards of ``shard_images``; the last may be short."""
    starts = range(0, num_images, shard_images)
    return [(name, np.arange(start, min(start + shard_images, num_images))) for name in names for start in starts]


class _RowsByClassifier(ABC):
    """``shard index -> table``: the classifiers of a set, and the numbers of the images that each shard holds."""

    def __init__(
        self,
        config: GenerateFromClassifierConfig,
        uris: Mapping[str, str],
        result_set: ResultSet,
        shards: list[Rows],
        device: torch.device,
    ) -> None:
        self.config, self.shards, self.device = config, shards, device
        self.info = datasets.dataset_info(config.data.name, config.data.root)
        digests = result_set.plan["inputs"]["classifiers"]
        self.loaded = {name: load_unchanged(uris[name], digest, device, self.info) for name, digest in digests.items()}

    def __call__(self, index: int) -> pa.Table:
        """The rows of one shard, in batches of ``batch_size``."""
        name, rows = self.shards[index]
        starts = range(0, len(rows), self.config.batch_size)
        return pa.concat_tables([self._batch(name, rows[i : i + self.config.batch_size]) for i in starts])

    @abstractmethod
    def _batch(self, name: str, rows: np.ndarray) -> pa.Table:
        """The rows of some images under the classifier called ``name``."""


class ClassifierImageRows(_RowsByClassifier):
    """``shard index -> table`` of generated images; image ``i`` is replicate ``i % n`` of class ``i // n``.

    Starts and noise are keyed by class and replicate alone, so that all classifiers set out from the same images.
    """

    def __init__(
        self,
        config: GenerateFromClassifierConfig,
        uris: Mapping[str, str],
        result_set: ResultSet,
        shards: list[Rows],
        device: torch.device,
    ) -> None:
        super().__init__(config, uris, result_set, shards, device)
        judge = result_set.plan["inputs"]["judge"]
        self.judge = load_unchanged(config.judge, judge, device, self.info) if judge else None
        self.train = datasets.load(config.data.name, config.data.root, "train")
        self.pca_starts: dict[int, PCAStart] = {}  # by class; each takes 15 s of a CPU on CIFAR-10
        self.test = datasets.load(config.data.name, config.data.root, "test").first(config.num_test_images)
        self.candidates = self.test.tensor().to(device)

    def _batch(self, name: str, rows: np.ndarray) -> pa.Table:
        config, model = self.config, self.loaded[name].model
        classes, replicates = np.divmod(rows, config.images_per_class)
        keys = [f"{y}/{replicate}" for y, replicate in zip(classes, replicates, strict=True)]
        y, shape = torch.from_numpy(classes).to(self.device), self.test.info.image_shape
        noise = Stream(config.seed, "sgld")
        x_start = self._starts(y, Stream(config.seed, "pca_start").normal(keys, shape).to(self.device))
        energies: list[Tensor] = []
        x = langevin(
            model,
            x_start,
            y,
            lambda step: noise.normal(keys, shape, step),
            num_steps=config.num_steps,
            step_size=config.step_size,
            momentum=config.momentum,
            noise_scale=config.noise_scale,
            on_step=lambda step, images, energy: energies.append(energy.cpu()),
        )
        before, after = _read(self.loaded[name], x_start, y), _read(self.loaded[name], x, y)
        columns = {
            **_origin(name, self.loaded[name], keys),
            "y_target": classes,
            "replicate": replicates,
            "x_start": images_to_column(x_start.cpu().numpy()),
            "x_generated": images_to_column(x.cpu().numpy()),
            "start_predicted": before.predicted.cpu().numpy(),
            "start_energy_x": before.energy_x.cpu().numpy(),
            "start_energy_xy": before.energy_xy.cpu().numpy(),
            **{key: getattr(after, key).cpu().numpy() for key in
               ("predicted", "label_confidence", "energy_x", "energy_xy")},
            "energy_path": list(torch.stack(energies, dim=1).numpy()),
            "judge_start_predicted": self._judged(x_start, y),
            "judge_predicted": self._judged(x, y),
            "start_ssim": nearest(x_start, self.candidates, 1)[1][:, 0].cpu().numpy(),
            **self._neighbors(x),
        }  # fmt: skip
        return typed_table(CLASSIFIER_IMAGES, columns, **made_by(config, self.loaded[name].digest))

    def _starts(self, y: Tensor, noise: Tensor) -> Tensor:
        """Where images of the classes ``y`` begin; a class is fitted when a shard first asks for it."""
        starts = torch.empty_like(noise)
        for label in y.unique().tolist():
            if label not in self.pca_starts:
                images = self.train.tensor(np.flatnonzero(self.train.labels == label)).to(self.device)
                only = torch.zeros(len(images), dtype=torch.int64, device=self.device)
                self.pca_starts[label] = fit_pca_start(images, only, 1, self.config.pca_variance)
            rows = y == label
            starts[rows] = self.pca_starts[label](torch.zeros_like(y[rows]), noise[rows], self.config.start_sigma)
        return starts

    def _judged(self, images: Tensor, y: Tensor) -> np.ndarray:
        if self.judge is None:
            return np.full(len(images), NO_JUDGE)
        predicted: np.ndarray = _read(self.judge, images, y).predicted.cpu().numpy()
        return predicted

    def _neighbors(self, images: Tensor) -> dict[str, list[np.ndarray]]:
        indices, similarity = nearest(images, self.candidates, self.config.num_neighbors)
        found = indices.cpu().numpy()
        return {
            "neighbor_ids": [np.array(self.test.item_ids(row)) for row in found],
            "neighbor_labels": [self.test.labels[row] for row in found],
            "neighbor_ssim": list(similarity.cpu().numpy()),
        }


class InputGradientRows(_RowsByClassifier):
    """``shard index -> table`` of loss gradients at test images, the same ones for every classifier."""

    def __init__(
        self,
        config: GenerateFromClassifierConfig,
        uris: Mapping[str, str],
        result_set: ResultSet,
        shards: list[Rows],
        device: torch.device,
    ) -> None:
        super().__init__(config, uris, result_set, shards, device)
        self.test = datasets.load(config.data.name, config.data.root, "test")
        train = datasets.load(config.data.name, config.data.root, "train")
        means = [train.tensor(np.flatnonzero(train.labels == y)).mean(dim=0) for y in range(train.info.num_classes)]
        self.class_means = torch.stack(means).to(device)

    def _batch(self, name: str, rows: np.ndarray) -> pa.Table:
        x, y = self.test.tensor(rows).to(self.device), self.test.targets(rows).to(self.device)
        gradient = cross_entropy_gradient(self.loaded[name].model, x, y)
        image_ids = self.test.item_ids(rows)
        columns = {
            **_origin(name, self.loaded[name], image_ids),
            "image_id": image_ids,
            "label": y.cpu().numpy(),
            "predicted": _read(self.loaded[name], x, y).predicted.cpu().numpy(),
            "gradient": images_to_column(gradient.cpu().numpy()),
            "gradient_norm": gradient.flatten(1).norm(dim=1).cpu().numpy(),
            "alignment": targeted_alignment(self.loaded[name].model, x, y, self.class_means).cpu().numpy(),
            "sparsity": sparsity(gradient).cpu().numpy(),
        }
        return typed_table(INPUT_GRADIENTS, columns, **made_by(self.config, self.loaded[name].digest))


def _read(loaded: LoadedModel, images: Tensor, y: Tensor) -> Readout:
    with torch.no_grad():
        return read_logits(loaded.model(images), y)


def _origin(name: str, loaded: LoadedModel, keys: Sequence[str]) -> dict[str, object]:
    return {"item_id": [f"{name}/{key}" for key in keys], **classifier_columns(name, loaded, len(keys))}
