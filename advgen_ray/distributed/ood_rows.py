"""The rows of an evaluation of OOD detection: scores of images in distribution, and of others clean and at worst."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
import pyarrow as pa
import torch
from torch import Tensor, nn

from advgen_ray.attacks.apgd import APGD
from advgen_ray.attacks.threat_model import Ball
from advgen_ray.config import DataConfig
from advgen_ray.config.ood import RESERVED, EvaluateOODConfig, OODSetConfig
from advgen_ray.data import datasets
from advgen_ray.data.datasets import LabelledImages
from advgen_ray.detection.mahalanobis import gaussian_classifier
from advgen_ray.detection.ood import CLEAN, SCORES, WorstCase, detection_scores, worst_case
from advgen_ray.distributed import metrics
from advgen_ray.distributed.attacks import ORDERS, THREAT_MODELS
from advgen_ray.distributed.columns import made_by
from advgen_ray.distributed.image_sources import Load, source_images
from advgen_ray.distributed.loading import load_unchanged
from advgen_ray.errors import UserError
from advgen_ray.rng import Stream, keyed
from advgen_ray.storage.schemas import OOD_SCORES, images_to_column, typed_table

Group = tuple[int, str, slice]
"""What a shard is made of: a detector's number, a set of images by its name, and which of them."""


@dataclass(frozen=True)
class OODDetector:
    """A detector of the config, and the digest that its model had when the job began."""

    name: str
    uri: str
    detection_score: str
    digest: str


def groups_of(num_detectors: int, counts: Mapping[str, int], shard_images: int) -> list[Group]:
    """Detector by detector, set by set, in shards of ``shard_images``; the last of a set may be short."""
    return [
        (detector, name, slice(start, min(start + shard_images, count)))
        for detector in range(num_detectors)
        for name, count in counts.items()
        for start in range(0, count, shard_images)
    ]


def in_distribution(config: EvaluateOODConfig, load: Load) -> LabelledImages:
    """The test images, ``num_in_images`` of them or all, chosen by the seed."""
    return _chosen(load(config.data, "test"), config.num_in_images, RESERVED, config.seed)


def out_of_distribution(config: EvaluateOODConfig, one: OODSetConfig, load: Load) -> LabelledImages:
    """``num_out_images`` of a set or all, chosen by the seed; raises UserError where there are none to read."""
    own = load(config.data, "test")
    parts = [source_images(one.source, own, "test", config.seed, load, one.name)]
    if one.part == "all":
        parts.append(source_images(one.source, own, "train", config.seed, load, one.name))
    found = parts[0] if len(parts) == 1 else _joined(parts)
    if not len(found):
        raise UserError("no image in its held-out tenth; give at least 10 images, or part=all")
    return _chosen(found, config.num_out_images, one.name, config.seed)


def images_to_fit(config: EvaluateOODConfig, load: Load) -> LabelledImages:
    """The training images that Gaussians are fitted to, ``num_fit_images`` of them or all, chosen by the seed."""
    return _chosen(load(config.data, "train"), config.num_fit_images, "fit", config.seed)


def _joined(parts: Sequence[LabelledImages]) -> LabelledImages:
    images = np.concatenate([part.images for part in parts])
    return LabelledImages(images, np.zeros(len(images), dtype=np.int64), parts[0].info, parts[0].name, "all")


def _chosen(images: LabelledImages, count: int, name: str, seed: int) -> LabelledImages:
    order = Stream(seed, f"ood/{name}").permutation(len(images))
    return images.subset(np.sort(order[:count]))


class OODRows:
    """``shard index -> table``; models, and Gaussians fitted to their features, are made with their first shard."""

    def __init__(
        self,
        config: EvaluateOODConfig,
        detectors: Sequence[OODDetector],
        groups: Sequence[Group],
        device: torch.device,
    ) -> None:
        self.config, self.detectors, self.groups, self.device = config, detectors, groups, device
        self.models: dict[int, nn.Module] = {}
        self.sets: dict[str, LabelledImages] = {}
        self.ball: Ball = THREAT_MODELS[config.attack.norm](config.attack.eps)

    def __call__(self, index: int) -> pa.Table:
        """The rows of one shard, in batches of ``batch_size``."""
        detector, name, part = self.groups[index]
        images = self._images(name).subset(part)
        size = self.config.batch_size
        starts = range(0, len(images), size)
        return pa.concat_tables([self._batch(detector, name, images.subset(slice(i, i + size))) for i in starts])

    def _batch(self, which: int, name: str, images: LabelledImages) -> pa.Table:
        detector, model = self.detectors[which], self._model(which)
        score = SCORES[detector.detection_score]
        x, image_ids, size = images.tensor().to(self.device), images.item_ids(range(len(images))), len(images)
        clean = detection_scores(model, x, score)
        if name == RESERVED:
            found = WorstCase(x, clean, [CLEAN] * size)
        else:
            noise = Stream(self.config.seed, "ood_attack")
            restarts = [keyed(noise, image_ids, restart) for restart in range(1, self.config.attack.num_restarts)]
            attack = partial(APGD, self.ball, self.config.attack.num_steps)
            found = worst_case(model, x, score, attack, [None, *restarts])
        metrics.came_forward()
        columns = {
            "item_id": [f"{detector.name}/{name}/{image_id}" for image_id in image_ids],
            "detector": [detector.name] * size,
            "image_set": [name] * size,
            "image_id": image_ids,
            "clean_score": clean.cpu().numpy(),
            "worst_score": found.detection_score.cpu().numpy(),
            "worst_from": found.start,
            "x_worst": images_to_column(found.x.cpu().numpy()),
            "distance": self._distance(found.x, x).cpu().numpy(),
        }
        return typed_table(OOD_SCORES, columns, **made_by(self.config, detector.digest))

    def _distance(self, found: Tensor, x: Tensor) -> Tensor:
        """In double precision, of the images as they are stored."""
        return torch.linalg.vector_norm(
            (found.double() - x.double()).flatten(1), ORDERS[self.config.attack.norm], dim=1
        )

    def _images(self, name: str) -> LabelledImages:
        if name not in self.sets:
            if name == RESERVED:
                self.sets[name] = in_distribution(self.config, _read)
            else:
                one = next(one for one in self.config.sets if one.name == name)
                self.sets[name] = out_of_distribution(self.config, one, _read)
        return self.sets[name]

    def _model(self, which: int) -> nn.Module:
        if which not in self.models:
            detector, data = self.detectors[which], self.config.data
            info = datasets.dataset_info(data.name, data.root)
            model = load_unchanged(detector.uri, detector.digest, self.device, info).model
            if detector.detection_score == "mahalanobis":
                model = gaussian_classifier(model, self._training_batches(), info.num_classes)
            self.models[which] = model
        return self.models[which]

    def _training_batches(self) -> Iterator[tuple[Tensor, Tensor]]:
        images = images_to_fit(self.config, _read)
        for start in range(0, len(images), self.config.batch_size):
            part = images.subset(slice(start, start + self.config.batch_size))
            yield part.tensor().to(self.device), part.targets()


def _read(data: DataConfig, split: datasets.Split) -> LabelledImages:
    return datasets.load(data.name, data.root, split)
