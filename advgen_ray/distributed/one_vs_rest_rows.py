"""The rows of an evaluation of one-vs-rest detectors: logits of images as they are, and of others at their worst."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import torch
from torch import Tensor, nn

from advgen_ray.attacks.best_of_starts import best_of_starts
from advgen_ray.attacks.objectives import logit
from advgen_ray.attacks.pgd import PGD
from advgen_ray.config.one_vs_rest import EvaluateOneVsRestConfig, LogitAttackConfig
from advgen_ray.data import datasets
from advgen_ray.data.datasets import LabelledImages
from advgen_ray.distributed import metrics
from advgen_ray.distributed.attacks import THREAT_MODELS
from advgen_ray.distributed.columns import made_by
from advgen_ray.distributed.loading import load_unchanged
from advgen_ray.distributed.plans import DetectorGroup
from advgen_ray.rng import Stream, keyed
from advgen_ray.storage.schemas import DETECTOR_LOGITS, typed_table


@dataclass(frozen=True)
class ClassDetector:
    """Where the detector of a class is, the digest it had when the job began, and the ball it was trained in."""

    class_index: int
    uri: str
    digest: str
    trained_in: str = ""  # as ``training_ball`` has it


class OneVsRestRows:
    """``shard index -> table``; a detector is loaded with its first shard."""

    def __init__(
        self,
        config: EvaluateOneVsRestConfig,
        detectors: Sequence[ClassDetector],
        groups: Sequence[DetectorGroup],
        device: torch.device,
    ) -> None:
        self.config, self.detectors, self.groups, self.device = config, detectors, groups, device
        self.images = datasets.load(config.data.name, config.data.root, config.split)
        self.loaded: dict[int, nn.Module] = {}

    def __call__(self, index: int) -> pa.Table:
        """The rows of one shard, in batches of ``batch_size``."""
        group = self.groups[index]
        detector = self.detectors[group.detector]
        own, others = own_and_others(self.images, detector.class_index, self.config.num_images)
        chosen = own if group.attack is None else others
        starts = range(group.start, group.stop, self.config.batch_size)
        parts = [slice(start, min(start + self.config.batch_size, group.stop)) for start in starts]
        return pa.concat_tables([self._batch(group, chosen.subset(part)) for part in parts])

    def _batch(self, group: DetectorGroup, images: LabelledImages) -> pa.Table:
        detector, model = self.detectors[group.detector], self._model(group.detector)
        image_ids, size = images.item_ids(range(len(images))), len(images)
        x = images.tensor().to(self.device)
        with torch.no_grad():
            clean = logit(model(x))
        last = worst = clean
        name = ""
        if group.attack is not None:
            attack = self.config.attacks[group.attack]
            name = attack.label
            noise = Stream(self.config.seed, "attack")
            restarts = [keyed(noise, image_ids, restart) for restart in range(attack.num_noise_starts)]
            last = last_logit(model, x, attack)
            worst = best_of_starts(model, x, _built(attack, True), [None, *restarts], logit).value
        metrics.came_forward()
        columns = {
            "item_id": [f"{detector.class_index}/{name or 'data'}/{image_id}" for image_id in image_ids],
            "detector": np.full(size, detector.class_index),
            "attack": [name] * size,
            "image_id": image_ids,
            "label": images.labels,
            "clean_logit": clean.cpu().numpy(),
            "last_logit": last.cpu().numpy(),
            "worst_logit": worst.cpu().numpy(),
        }
        return typed_table(DETECTOR_LOGITS, columns, **made_by(self.config, detector.digest))

    def _model(self, which: int) -> nn.Module:
        if which not in self.loaded:
            one = self.detectors[which]
            self.loaded[which] = load_unchanged(one.uri, one.digest, self.device).model
        return self.loaded[which]


def own_and_others(images: LabelledImages, class_index: int, num_others: int) -> tuple[LabelledImages, LabelledImages]:
    """All images of a class, and the first so many of other classes."""
    own = images.labels == class_index
    return images.subset(np.flatnonzero(own)), images.subset(np.flatnonzero(~own)[:num_others])


def last_logit(model: nn.Module, x: Tensor, attack: LogitAttackConfig) -> Tensor:
    """The dissertation's protocol (S004 3.2.3): the last iterate from the image itself."""
    x_adv = _built(attack, False)(None)(model, x, logit)
    with torch.no_grad():
        return logit(model(x_adv))


def _built(attack: LogitAttackConfig, keep_best: bool) -> Callable[[Callable[[Tensor], Tensor] | None], PGD]:
    ball = THREAT_MODELS[attack.norm](attack.eps)
    return lambda start: PGD(ball, attack.num_steps, attack.step_size, start, keep_best=keep_best, adam=attack.adam)
