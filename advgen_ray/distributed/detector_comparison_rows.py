"""The rows of a comparison of detectors: images, attacked and noisy versions, and what each detector reads of them."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import torch
from torch import Tensor, nn

from advgen_ray.config.detectors import CompareDetectorsConfig
from advgen_ray.data import datasets
from advgen_ray.data.datasets import LabelledImages
from advgen_ray.data.subsets import reference_images
from advgen_ray.detection.features import features, last_hidden, layers_of
from advgen_ray.detection.kernel_density import KernelDensity, choose_bandwidth, fit_kernel_density, kd_bu
from advgen_ray.detection.lid import lid_columns
from advgen_ray.detection.mc_dropout import has_dropout
from advgen_ray.detection.noisy import as_much_noise
from advgen_ray.distributed.attacks import THREAT_MODELS, build_passes, perturb_all
from advgen_ray.distributed.columns import made_by
from advgen_ray.distributed.loading import load_unchanged
from advgen_ray.energy.readout import read_logits
from advgen_ray.rng import Stream
from advgen_ray.storage import ResultSet
from advgen_ray.storage.schemas import DETECTIONS, typed_table


@dataclass(frozen=True)
class DetectionGroup:
    """Images ``start`` to ``stop`` of the test split, natural or under one attack (an index into the config's list)."""

    attack: int | None
    start: int
    stop: int


def detection_groups(num_images: int, num_attacks: int, shard_images: int) -> list[DetectionGroup]:
    """What each shard holds: the natural images first, then attack by attack."""
    return [
        DetectionGroup(attack, start, min(start + shard_images, num_images))
        for attack in (None, *range(num_attacks))
        for start in range(0, num_images, shard_images)
    ]


class ReferenceImages:
    """Natural images in batches, and what a classifier's hidden layers make of them."""

    def __init__(self, model: nn.Module, batch_size: int, device: torch.device) -> None:
        self.model, self.batch_size, self.device = model, batch_size, device

    def density(
        self, reference: LabelledImages, validation: LabelledImages, bandwidths: Sequence[float]
    ) -> KernelDensity:
        """Around ``reference``, of the bandwidth under which the natural ``validation`` images are likeliest."""
        (hidden, y), (held_out, held_out_y) = self._hidden(reference), self._hidden(validation)
        bandwidth = choose_bandwidth(hidden, y, held_out, held_out_y, bandwidths)
        return fit_kernel_density(hidden, y, reference.info.num_classes, bandwidth)

    def features(self, images: LabelledImages, layers: Sequence[str]) -> list[Tensor]:
        """Of each layer, ``[M, D]``."""
        by_batch = [features(self.model, x, layers) for x in self.batches(images)]
        return [torch.cat(layer) for layer in zip(*by_batch, strict=True)]

    def batches(self, images: LabelledImages) -> list[Tensor]:
        """The images ``[N, C, H, W]``."""
        return [batch.to(self.device) for batch in images.tensor().split(self.batch_size)]

    def _hidden(self, images: LabelledImages) -> tuple[Tensor, Tensor]:
        return torch.cat([last_hidden(self.model, x)[1] for x in self.batches(images)]), images.targets().to(
            self.device
        )


class DetectionRows:
    """``shard index -> table``; the reference and the bandwidth follow from the config, so all actors have the same."""

    def __init__(self, config: CompareDetectorsConfig, result_set: ResultSet, device: torch.device) -> None:
        self.config, self.device = config, device
        self.data = datasets.load(config.data.name, config.data.root, "test").first(config.num_images)
        digest = result_set.plan["inputs"]["classifier"]
        self.loaded = load_unchanged(config.classifier, digest, device, self.data.info)
        train = datasets.load(config.data.name, config.data.root, "train")
        reference = reference_images(train, config.num_reference)
        self.groups = detection_groups(len(self.data), len(config.attacks), config.shard_images)
        read, validation = ReferenceImages(self.loaded.model, config.batch_size, device), slice(0, None, 2)
        self.density: KernelDensity | None = None
        if "kd_bu" in config.detectors:
            self.density = read.density(reference, self.data.subset(validation), config.bandwidths)
        self.layers = layers_of(self.loaded.model, config.layers) if "lid" in config.detectors else []
        self.reference = read.features(reference, self.layers) if self.layers else []

    def __call__(self, index: int) -> pa.Table:
        """The rows of one shard, in batches of ``batch_size``: of an attack, attacked images and their noisy twins."""
        group = self.groups[index]
        starts = range(group.start, group.stop, self.config.batch_size)
        batches = [np.arange(start, min(start + self.config.batch_size, group.stop)) for start in starts]
        return pa.concat_tables([table for indices in batches for table in self._batch(group.attack, indices)])

    def _batch(self, attack: int | None, indices: np.ndarray) -> list[pa.Table]:
        x, y = self.data.tensor(indices).to(self.device), self.data.targets(indices).to(self.device)
        if attack is None:
            return [self._table("natural", None, indices, x, x, y)]
        passes = build_passes(
            self.config.attacks[attack], self.data.info.num_classes, self.config.seed, until_fallen=False
        )
        x_adv = perturb_all(self.loaded.model, x, y, self.data.item_ids(indices), passes)
        tables = [self._table("attacked", attack, indices, x_adv, x, y)]
        if self.config.noisy_images:
            stream = Stream(self.config.seed, f"noise/{self.config.attacks[attack].label}")
            noisy = as_much_noise(x_adv, x, self.data.item_ids(indices), stream)
            tables.append(self._table("noisy", attack, indices, noisy, x, y))
        return tables

    def _table(
        self, view: str, attack_index: int | None, indices: np.ndarray, images: Tensor, x: Tensor, y: Tensor
    ) -> pa.Table:
        config, image_ids, size = self.config, self.data.item_ids(indices), len(indices)
        attack = None if attack_index is None else config.attacks[attack_index]
        with torch.no_grad():
            logits = self.loaded.model(images)
        readout = {key: value.cpu().numpy() for key, value in vars(read_logits(logits, y)).items()}
        distance = THREAT_MODELS[attack.norm](attack.eps).distance(images, x) if attack else torch.zeros(size)
        where = f"{view}/{attack.label}-{attack.eps:g}" if attack else view
        columns = {
            "item_id": [f"{where}/{image}" for image in image_ids],
            "image_id": image_ids,
            "half": ["validation" if index % 2 == 0 else "test" for index in indices],
            "view": [view] * size,
            "attack": [attack.label if attack else ""] * size,
            "attack_eps": np.full(size, attack.eps if attack else 0.0),
            "attack_distance": distance.cpu().numpy(),
            "label": y.cpu().numpy(),
            **readout,
            "logits": list(logits.cpu().numpy()),
            "kd_bu": list(self._kd_bu(images, image_ids).cpu().numpy()),
            "bandwidth": np.full(size, self.density.bandwidth if self.density else 0.0),
            "lid": list(self._lid(images, image_ids).cpu().numpy()),
        }
        return typed_table(DETECTIONS, columns, **made_by(config, self.loaded.digest))

    def _kd_bu(self, images: Tensor, image_ids: Sequence[str]) -> Tensor:
        """``[N, 2]``; ``[N, 1]``, density alone, without dropout; ``[N, 0]`` where it was not asked for."""
        if self.density is None:
            return torch.empty(len(images), 0)
        if not has_dropout(self.loaded.model):
            logits, hidden = last_hidden(self.loaded.model, images)
            return self.density.log_density(hidden, logits.argmax(dim=1))[:, None]
        stream = Stream(self.config.seed, "dropout")
        return kd_bu(self.loaded.model, self.density, images, image_ids, stream, self.config.num_passes)

    def _lid(self, images: Tensor, image_ids: Sequence[str]) -> Tensor:
        """``[N, len(layers)]``; ``[N, 0]`` where it was not asked for."""
        if not self.layers:
            return torch.empty(len(images), 0)
        return lid_columns(
            self.loaded.model,
            images,
            image_ids,
            self.layers,
            self.reference,
            Stream(self.config.seed, "lid"),
            num_neighbors=self.config.num_neighbors,
            batch_size=self.config.num_candidates,
        )
