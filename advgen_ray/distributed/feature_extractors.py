"""The network in whose features the quality of images is told: Inception's, or a classifier's as a named proxy."""

from collections.abc import Callable

import torch
from torch import Tensor

from advgen_ray.config.synthesis import SynthesizeConfig
from advgen_ray.data.catalog import DatasetInfo
from advgen_ray.detection.features import last_hidden
from advgen_ray.distributed.loading import load_unchanged
from advgen_ray.errors import UserError
from advgen_ray.storage.filesystem import local_copy
from advgen_ray.training.foreign_inception import load_fid_inception

Extract = Callable[[Tensor], tuple[Tensor, Tensor]]
"""``extract(images) -> (features [N, D], logits [N, K])`` for images ``[N, C, H, W]`` in [0, 1], without gradients."""


def load_extractor(config: SynthesizeConfig, digest: str, device: torch.device, info: DatasetInfo) -> Extract:
    """The one that a config names, on ``device``; raises UserError if it is not of ``digest`` any more."""
    if config.inception:
        inception = load_fid_inception(local_copy(config.inception))
        if inception.digest != digest:
            raise UserError(f"{config.inception}: another file than when this job began; rerun with another output")
        network = inception.model.to(device)

        @torch.no_grad()
        def read(images: Tensor) -> tuple[Tensor, Tensor]:
            features, logits = network(images)
            return features, logits

        return read
    classifier = load_unchanged(config.feature_classifier, digest, device, info).model

    def hidden(images: Tensor) -> tuple[Tensor, Tensor]:
        logits, features = last_hidden(classifier, images)
        return features, logits

    return hidden
