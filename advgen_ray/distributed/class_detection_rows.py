"""The rows of an evaluation of detection by one-vs-rest detectors: what classifier and detectors say under attack."""

from collections.abc import Callable, Sequence

import numpy as np
import pyarrow as pa
import torch
from torch import Tensor

from advgen_ray.attacks.detector_objectives import (
    bypass_attack,
    classifier_attack,
    combined_attack,
    detector_attack,
    predicted_detector_attack,
)
from advgen_ray.attacks.objectives import Objective
from advgen_ray.attacks.pgd import PGD
from advgen_ray.config.one_vs_rest import DetectionAttackConfig, EvaluateDetectionConfig
from advgen_ray.data import datasets
from advgen_ray.distributed import metrics
from advgen_ray.distributed.attacks import THREAT_MODELS
from advgen_ray.distributed.detector_rows import Detector
from advgen_ray.distributed.loading import load_unchanged
from advgen_ray.models.one_vs_rest import OneVsRest, WithDetectors
from advgen_ray.rng import Stream
from advgen_ray.storage.schemas import CLASS_DETECTIONS
from advgen_ray.training.classifier import keyed

OBJECTIVES: dict[str, Callable[[Tensor], Objective]] = {
    "classifier": classifier_attack,
    "detector": detector_attack,
    "combined": combined_attack,
    "predicted_detector": predicted_detector_attack,
    "bypass": bypass_attack,
}


class ClassDetectionRows:
    """``shard index -> table``: images as they are first, then attack by attack, in shards of ``shard_images``."""

    def __init__(
        self,
        config: EvaluateDetectionConfig,
        classifier_digest: str,
        detectors: Sequence[Detector],
        device: torch.device,
    ) -> None:
        self.config, self.device = config, device
        info = datasets.dataset_info(config.data.name, config.data.root)
        classifier = load_unchanged(config.classifier, classifier_digest, device, info).model
        ones = [load_unchanged(one.uri, one.digest, device).model for one in detectors]
        self.model = WithDetectors(classifier, OneVsRest(ones)).to(device).eval()
        self.digest = classifier_digest
        self.images = datasets.load(config.data.name, config.data.root, config.split).first(config.num_images)

    def __call__(self, index: int) -> pa.Table:
        """The rows of one shard, in batches of ``batch_size``."""
        which, part = divmod(index, shards_of_view(self.config))
        attack = self.config.attacks[which - 1] if which else None
        start = part * self.config.shard_images
        stop = min(start + self.config.shard_images, len(self.images))
        size = self.config.batch_size
        batches = [np.arange(at, min(at + size, stop)) for at in range(start, stop, size)]
        return pa.concat_tables([self._batch(attack, indices) for indices in batches])

    def _batch(self, attack: DetectionAttackConfig | None, indices: np.ndarray) -> pa.Table:
        image_ids, size = self.images.item_ids(indices), len(indices)
        x, y = self.images.tensor(indices).to(self.device), self.images.targets(indices).to(self.device)
        found = x if attack is None else self._attacked(attack, x, y, image_ids)
        distance = torch.zeros(size) if attack is None else THREAT_MODELS[attack.norm](attack.eps).distance(found, x)
        with torch.no_grad():
            z_f, z_h = self.model(found).chunk(2, dim=1)
        predicted, (chosen_logit, chosen) = z_f.argmax(dim=1), z_h.max(dim=1)
        metrics.came_forward()
        name = attack.label if attack else ""
        columns = {
            "item_id": [f"{name or 'natural'}/{image_id}" for image_id in image_ids],
            "attack": [name] * size,
            "image_id": image_ids,
            "label": y.cpu().numpy(),
            "predicted": predicted.cpu().numpy(),
            "predicted_logit": z_h.gather(1, predicted[:, None])[:, 0].cpu().numpy(),
            "chosen": chosen.cpu().numpy(),
            "chosen_logit": chosen_logit.cpu().numpy(),
            "distance": distance.cpu().numpy(),
            "seed": np.full(size, self.config.seed),
            "model_digest": [self.digest] * size,
            "config_digest": [self.config.digest()] * size,
        }
        return pa.table([pa.array(columns[f.name]).cast(f.type) for f in CLASS_DETECTIONS], schema=CLASS_DETECTIONS)

    def _attacked(self, attack: DetectionAttackConfig, x: Tensor, y: Tensor, image_ids: Sequence[str]) -> Tensor:
        """Of all starts the best end of each image."""
        ball, objective = THREAT_MODELS[attack.norm](attack.eps), OBJECTIVES[attack.kind](y)
        noise = Stream(self.config.seed, "attack")
        starts = [None, *(keyed(noise, image_ids, restart) for restart in range(attack.num_restarts))]
        best, value = x, torch.full((len(x),), -torch.inf, device=x.device)
        for start in starts:
            found = PGD(ball, attack.num_steps, attack.step_size, start, keep_best=True)(self.model, x, objective)
            with torch.no_grad():
                reached = objective(self.model(found))
            better = reached > value
            best = torch.where(better.view(-1, 1, 1, 1), found, best)
            value = torch.where(better, reached, value)
        return best


def shards_of_view(config: EvaluateDetectionConfig) -> int:
    """How many shards the images make, as they are or under one attack."""
    return -(-config.num_images // config.shard_images)
