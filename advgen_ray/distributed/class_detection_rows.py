"""The rows of an evaluation of detection under attack: what classifier and detectors say, whomever an attack knew."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import torch
from torch import Tensor, nn

from advgen_ray.attacks.best_of_starts import best_of_starts
from advgen_ray.attacks.detector_objectives import (
    bypass_attack,
    classifier_attack,
    combined_attack,
    detector_attack,
    predicted_detector_attack,
)
from advgen_ray.attacks.objectives import Objective, high_energy
from advgen_ray.attacks.pgd import PGD
from advgen_ray.config.one_vs_rest import DetectionAttackConfig, EvaluateDetectionConfig
from advgen_ray.data import datasets
from advgen_ray.distributed import metrics
from advgen_ray.distributed.attacks import THREAT_MODELS
from advgen_ray.distributed.columns import made_by
from advgen_ray.distributed.fitted_detectors import fit_detectors
from advgen_ray.distributed.loading import load_unchanged
from advgen_ray.distributed.one_vs_rest_rows import ClassDetector
from advgen_ray.models.one_vs_rest import OneVsRest, WithDetectors
from advgen_ray.rng import StartNoise, Stream, keyed
from advgen_ray.storage.schemas import CLASS_DETECTIONS, typed_table

ONE_VS_REST = "one_vs_rest"
OBJECTIVES: dict[str, Callable[[Tensor], Objective]] = {
    "classifier": classifier_attack,
    "detector": detector_attack,
    "combined": combined_attack,
    "predicted_detector": predicted_detector_attack,
    "bypass": bypass_attack,
}


@dataclass(frozen=True)
class DetectionAttack:
    """An attack, and the detectors that it knows; "" where it knows of none."""

    attack: DetectionAttackConfig
    knows: str


def detection_attacks(config: EvaluateDetectionConfig) -> list[DetectionAttack]:
    """What is made: once what looks at the classifier alone, and once against each detector what knows detectors."""
    detectors = [ONE_VS_REST, *config.fitted.kinds]
    return [
        DetectionAttack(attack, knows)
        for attack in config.attacks
        for knows in ([""] if attack.kind in attack.OBLIVIOUS else detectors)
    ]


class ClassDetectionRows:
    """``shard index -> table``: images as they are first, then attack by attack, in shards of ``shard_images``.

    Whatever is made, every detector reads it.
    """

    def __init__(
        self,
        config: EvaluateDetectionConfig,
        classifier_digest: str,
        detectors: Sequence[ClassDetector],
        device: torch.device,
    ) -> None:
        self.config, self.device = config, device
        info = datasets.dataset_info(config.data.name, config.data.root)
        classifier = load_unchanged(config.classifier, classifier_digest, device, info).model
        ones = [load_unchanged(one.uri, one.digest, device).model for one in detectors]
        split = datasets.load(config.data.name, config.data.root, config.split)
        self.digest, self.images = classifier_digest, split.first(config.num_images)
        self.attacks = detection_attacks(config)
        beside: dict[str, nn.Module] = {ONE_VS_REST: OneVsRest(ones)}
        if config.fitted.kinds:
            held_out = split.subset(slice(config.num_images, config.num_images + config.fitted.num_images))
            train = datasets.load(config.data.name, config.data.root, "train")
            beside |= fit_detectors(config.fitted, classifier, train, held_out, config.seed, config.batch_size, device)
        self.models = {name: WithDetectors(classifier, one).to(device).eval() for name, one in beside.items()}

    def __call__(self, index: int) -> pa.Table:
        """The rows of one shard, in batches of ``batch_size``."""
        which, part = divmod(index, shards_of_view(self.config))
        attack = self.attacks[which - 1] if which else None
        start = part * self.config.shard_images
        stop = min(start + self.config.shard_images, len(self.images))
        size = self.config.batch_size
        batches = [np.arange(at, min(at + size, stop)) for at in range(start, stop, size)]
        return pa.concat_tables([table for indices in batches for table in self._batch(attack, indices)])

    def _batch(self, made: DetectionAttack | None, indices: np.ndarray) -> list[pa.Table]:
        image_ids = self.images.item_ids(indices)
        x, y = self.images.tensor(indices).to(self.device), self.images.targets(indices).to(self.device)
        found, distance = x, torch.zeros(len(x))
        if made is not None:
            found = self._attacked(made, x, y, image_ids)
            distance = THREAT_MODELS[made.attack.norm](made.attack.eps).distance(found, x)
        metrics.came_forward()
        return [self._table(made, detector, found, distance, image_ids, y) for detector in self.models]

    @torch.no_grad()
    def _table(
        self,
        made: DetectionAttack | None,
        detector: str,
        found: Tensor,
        distance: Tensor,
        image_ids: Sequence[str],
        y: Tensor,
    ) -> pa.Table:
        size = len(image_ids)
        z_f, z_h = self.models[detector](found).chunk(2, dim=1)
        predicted = z_f.argmax(dim=1)
        chosen = z_h.argmax(dim=1) if detector == ONE_VS_REST else predicted  # the others choose no class
        attack, knows = (made.attack.label, made.knows) if made else ("", "")
        view = f"{attack}/{knows or 'classifier'}" if made else "natural"
        columns = {
            "item_id": [f"{detector}/{view}/{image_id}" for image_id in image_ids],
            "detector": [detector] * size,
            "attack": [attack] * size,
            "knows": [knows] * size,
            "image_id": image_ids,
            "label": y.cpu().numpy(),
            "predicted": predicted.cpu().numpy(),
            "predicted_logit": z_h.gather(1, predicted[:, None])[:, 0].cpu().numpy(),
            "chosen": chosen.cpu().numpy(),
            "chosen_logit": z_h.gather(1, chosen[:, None])[:, 0].cpu().numpy(),
            "distance": distance.cpu().numpy(),
        }
        return typed_table(CLASS_DETECTIONS, columns, **made_by(self.config, self.digest))

    def _attacked(self, made: DetectionAttack, x: Tensor, y: Tensor, image_ids: Sequence[str]) -> Tensor:
        """Of all starts the best end of each image."""
        attack, model = made.attack, self.models[made.knows or ONE_VS_REST]
        ball = THREAT_MODELS[attack.norm](attack.eps)
        noise = Stream(self.config.seed, "attack")
        starts = [None, *(keyed(noise, image_ids, start) for start in range(attack.num_noise_starts))]

        def pgd(start_noise: StartNoise | None) -> PGD:
            return PGD(ball, attack.num_steps, attack.step_size, start_noise, keep_best=True)

        return best_of_starts(model, x, pgd, starts, _objective(attack, y)).x


def _objective(attack: DetectionAttackConfig, y: Tensor) -> Objective:
    if attack.kind == "high_energy":
        evading = high_energy(y, attack.energy_weight)
        return lambda outputs: evading(outputs.chunk(2, dim=1)[0])
    return OBJECTIVES[attack.kind](y)


def shards_of_view(config: EvaluateDetectionConfig) -> int:
    """How many shards the images make, as they are or under one attack."""
    return -(-config.num_images // config.shard_images)
