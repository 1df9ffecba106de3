"""The rows of a measurement of least distortion: for each image, target and search the nearest found to pass."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import torch
from torch import Tensor, nn

from advgen_ray.attacks.least_distortion import (
    CW_STEPS,
    Found,
    PenalizedDescents,
    cw,
    fab,
    growing_radii,
    nearest_passing,
)
from advgen_ray.attacks.passing import Passing, any_but, only, threshold_at
from advgen_ray.config.distortion import MeasureDistortionConfig
from advgen_ray.data import datasets
from advgen_ray.distributed import metrics
from advgen_ray.distributed.columns import made_by
from advgen_ray.distributed.loading import load_unchanged
from advgen_ray.distributed.one_vs_rest_rows import ClassDetector
from advgen_ray.models.one_vs_rest import OneVsRest, WithDetectors
from advgen_ray.rng import Stream
from advgen_ray.storage.schemas import DISTORTIONS, images_to_column, typed_table

ANY = -1  # what is stored for a target where any class but the label will do
SMALLEST_SHARE = 1 / 64  # of the diagonal: the first ball


@dataclass(frozen=True)
class DistortionGroup:
    """Images ``start`` to ``stop`` towards their ``target_rank``-th target, past one method of detection."""

    method: str
    target_rank: int
    start: int
    stop: int


def distortion_groups(config: MeasureDistortionConfig) -> list[DistortionGroup]:
    """What each shard holds: by method, target and image."""
    return [
        DistortionGroup(method, rank, start, min(start + config.shard_images, config.num_images))
        for method in config.methods
        for rank in range(max(config.num_targets, 1))
        for start in range(0, config.num_images, config.shard_images)
    ]


def diagonal_of(image_shape: Sequence[int]) -> float:
    """The largest L2 distance between two images in [0, 1]."""
    return math.sqrt(math.prod(image_shape))


def radii_of(image_shape: Sequence[int], num_radii: int) -> list[float]:
    """Balls from 1/64 of the diagonal of the box, beyond which there is no image, to all of it."""
    diagonal = diagonal_of(image_shape)
    return [float(radius) for radius in np.geomspace(SMALLEST_SHARE * diagonal, diagonal, num_radii)]


def targets_of(image_ids: Sequence[str], labels: np.ndarray, num_classes: int, rank: int, seed: int) -> np.ndarray:
    """The ``rank``-th of all classes but the label, in an order drawn for each image; int64 ``[N]``."""
    stream = Stream(seed, "target")
    orders = [stream.generator(image_id).permutation(num_classes - 1) for image_id in image_ids]
    drawn = np.array([order[rank] for order in orders], dtype=np.int64)
    return drawn + (drawn >= labels)


class DistortionRows:
    """``shard index -> table``; the thresholds follow from models and images, so that all actors have the same."""

    def __init__(
        self,
        config: MeasureDistortionConfig,
        classifier_digest: str,
        detectors: Sequence[ClassDetector],
        device: torch.device,
    ) -> None:
        self.config, self.device, self.groups = config, device, distortion_groups(config)
        info = datasets.dataset_info(config.data.name, config.data.root)
        together = OneVsRest([load_unchanged(one.uri, one.digest, device).model for one in detectors])
        self.models: dict[str, nn.Module] = {"generative": together.to(device).eval()}
        if classifier_digest:
            classifier = load_unchanged(config.classifier, classifier_digest, device, info).model
            self.models["integrated"] = WithDetectors(classifier, together).to(device).eval()
        self.digests = {"generative": detectors[0].digest, "integrated": classifier_digest}
        split = datasets.load(config.data.name, config.data.root, config.split)
        self.images = split.first(config.num_images)
        natural = split.first(config.num_natural).tensor().split(config.batch_size)
        self.thresholds: dict[str, float] = {method: self._threshold(method, natural) for method in config.methods}

    def __call__(self, index: int) -> pa.Table:
        """The rows of one shard, in batches of ``batch_size``."""
        group, size = self.groups[index], self.config.batch_size
        starts = range(group.start, group.stop, size)
        batches = [np.arange(start, min(start + size, group.stop)) for start in starts]
        return pa.concat_tables([table for indices in batches for table in self._batch(group, indices)])

    def _batch(self, group: DistortionGroup, indices: np.ndarray) -> list[pa.Table]:
        config, num_classes = self.config, self.images.info.num_classes
        image_ids, x = self.images.item_ids(indices), self.images.tensor(indices).to(self.device)
        y, targets = self.images.targets(indices).to(self.device), np.full(len(indices), ANY)
        allowed = any_but(y, num_classes)
        if config.num_targets:
            labels = self.images.labels[indices]
            targets = targets_of(image_ids, labels, num_classes, group.target_rank, config.seed)
            allowed = only(torch.from_numpy(targets).to(self.device), num_classes)
        passing = Passing(allowed, self.thresholds[group.method], group.method == "integrated")
        tables = []
        for search, found in self._searches(self.models[group.method], x, passing):
            metrics.came_forward()
            tables.append(self._table(group, search, found, targets, image_ids, y))
        return tables

    def _searches(self, model: nn.Module, x: Tensor, passing: Passing) -> Iterator[tuple[str, Found]]:
        config = self.config
        descents = PenalizedDescents(
            config.steps, config.step_size, config.bisections, config.largest_c, adam=config.descent == "adam"
        )
        by_last, by_any = descents(model, x, passing.objective, passing.passes)
        yield "penalized_last", by_last
        yield "penalized", by_any
        for search in config.searches:
            if search == "radii":
                radii, steps = radii_of(x.shape[1:], config.num_radii), config.search_steps
                objective, passes = passing.objective, passing.passes
                yield search, growing_radii(model, x, objective, passes, radii=radii, num_steps=steps)
            else:
                attack = fab(config.search_steps) if search == "fab" else cw(CW_STEPS * config.search_steps)
                yield search, nearest_passing(model, x, passing, attack)

    def _table(
        self,
        group: DistortionGroup,
        search: str,
        found: Found,
        targets: np.ndarray,
        image_ids: Sequence[str],
        y: Tensor,
    ) -> pa.Table:
        size, diagonal = len(image_ids), diagonal_of(self.images.info.image_shape)
        with torch.no_grad():
            predicted, logit = read(self.models[group.method](found.x_adv), self.images.info.num_classes)
        columns = {
            "item_id": [f"{group.method}/{search}/{image_id}/{group.target_rank}" for image_id in image_ids],
            "method": [group.method] * size,
            "search": [search] * size,
            "image_id": image_ids,
            "label": y.cpu().numpy(),
            "target_rank": np.full(size, group.target_rank),
            "target": targets,
            "threshold": np.full(size, self.thresholds[group.method]),
            "found": found.success.cpu().numpy(),
            "distortion": found.distance.clamp_max(diagonal).cpu().numpy(),
            "x_adv": images_to_column(found.x_adv.cpu().numpy()),
            "predicted": predicted.cpu().numpy(),
            "predicted_logit": logit.cpu().numpy(),
        }
        return typed_table(DISTORTIONS, columns, **made_by(self.config, self.digests[group.method]))

    @torch.no_grad()
    def _threshold(self, method: str, natural: Sequence[Tensor]) -> float:
        model, num_classes = self.models[method], self.images.info.num_classes
        logits = torch.cat([read(model(x.to(self.device)), num_classes)[1] for x in natural])
        return threshold_at(logits, self.config.tpr)


def read(outputs: Tensor, num_classes: int) -> tuple[Tensor, Tensor]:
    """The class that detection takes an input for, and the logit of its detector, ``[N]`` each.

    ``outputs`` are the detectors' logits, ``[N, K]``, or a classifier's before them, ``[N, 2 K]``.
    """
    predicted = outputs[:, :num_classes].argmax(dim=1)
    return predicted, outputs[:, -num_classes:].gather(1, predicted[:, None])[:, 0]
