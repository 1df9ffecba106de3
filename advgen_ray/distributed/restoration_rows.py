"""The rows of a restoration: images degraded, then restored by models, searches and classical methods."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import torch
from torch import Tensor, nn

from advgen_ray.config.restoration import AddedNoiseConfig, RestoreImagesConfig
from advgen_ray.data import datasets
from advgen_ray.data.datasets import LabelledImages
from advgen_ray.data.subsets import hold_out
from advgen_ray.distributed.attacks import ball_of
from advgen_ray.distributed.columns import made_by
from advgen_ray.distributed.loading import load_unchanged
from advgen_ray.rng import Stream
from advgen_ray.storage import ResultSet
from advgen_ray.storage.schemas import RESTORATIONS, images_to_column, typed_table
from advgen_ray.synthesis import classical
from advgen_ray.synthesis.degradation import occluded, paste, square_masks, with_noise
from advgen_ray.synthesis.neighbors import nearest_l2
from advgen_ray.synthesis.psnr import ROUNDED_TO_8_BITS, psnr
from advgen_ray.synthesis.restoration import restore
from advgen_ray.synthesis.ssim import ssim

DEGRADED, HELD = "degraded", ", held"
NO_CLASS = -1


class Part(NamedTuple):
    """What a shard is made of: a degradation, and images ``start`` to ``stop`` of a half."""

    degradation: int
    half: str
    start: int
    stop: int


@dataclass(frozen=True)
class Restored:
    """Images ``[N, C, H, W]`` by one method at one strength; ``ascended`` ``[N]``, where a class was."""

    method: str
    strength: float
    images: Tensor
    model: str = ""
    ascended: Tensor | None = None


def parts_of(config: RestoreImagesConfig) -> list[Part]:
    """The shards: degradation by degradation, validation before test; the last of each may be short."""
    halves = {"validation": config.num_validation_images, "test": config.num_images}
    size = config.shard_images
    return [
        Part(degradation, half, start, min(start + size, count))
        for degradation in range(len(config.degradations))
        for half, count in halves.items()
        for start in range(0, count, size)
    ]


def split_training(train: LabelledImages, config: RestoreImagesConfig) -> tuple[LabelledImages, LabelledImages]:
    """The training images to search in, and those for validation: of one seed ``train_classifier`` holds them out."""
    rest, held_out = hold_out(len(train), config.num_validation_images, config.seed)
    return train.subset(rest), train.subset(held_out)


class RestorationRows:
    """``shard index -> table``: of each image of a part every restoration."""

    def __init__(
        self, config: RestoreImagesConfig, uris: Mapping[str, str], result_set: ResultSet, device: torch.device
    ) -> None:
        self.config, self.device, self.parts = config, device, parts_of(config)
        inputs = result_set.plan["inputs"]
        self.digests: dict[str, str] = inputs["models"]
        self.search_digest: str = inputs["train"]  # what a row without a model was computed from
        info = datasets.dataset_info(config.data.name, config.data.root)
        self.models = {name: load_unchanged(uris[name], digest, device, info).model for name, digest in
                       self.digests.items()}  # fmt: skip
        train = datasets.load(config.data.name, config.data.root, "train")
        searched, validation = split_training(train, config)
        test = datasets.load(config.data.name, config.data.root, "test").first(config.num_images)
        self.halves = {"validation": validation, "test": test}
        self.known = searched.tensor().to(device)

    def __call__(self, index: int) -> pa.Table:
        """The rows of one shard, in batches of ``batch_size``."""
        part, size = self.parts[index], self.config.batch_size
        places = [np.arange(at, min(at + size, part.stop)) for at in range(part.start, part.stop, size)]
        return pa.concat_tables([self._batch(part, indices) for indices in places])

    def _batch(self, part: Part, indices: np.ndarray) -> pa.Table:
        images = self.halves[part.half]
        x, y = images.tensor(indices).to(self.device), images.targets(indices).to(self.device)
        image_ids = images.item_ids(indices)
        degradation = self.config.degradations[part.degradation]
        tables = []
        for one in self._restorations(part.degradation, x, y, image_ids):
            columns = {
                "item_id": [f"{degradation.label}/{one.method}/{one.strength:g}/{image_id}" for image_id in image_ids],
                "degradation": [degradation.label] * len(x),
                "method": [one.method] * len(x),
                "strength": np.full(len(x), one.strength),
                "half": [part.half] * len(x),
                "image_id": image_ids,
                "label": y.cpu().numpy(),
                "ascended": np.full(len(x), NO_CLASS) if one.ascended is None else one.ascended.cpu().numpy(),
                "x_restored": images_to_column(one.images.cpu().numpy()),
                "ssim": ssim(one.images, x).cpu().numpy(),
                "psnr": psnr(one.images, x).clamp(max=ROUNDED_TO_8_BITS).cpu().numpy(),
            }
            digest = self.digests.get(one.model, self.search_digest)
            tables.append(typed_table(RESTORATIONS, columns, **made_by(self.config, digest)))
        return pa.concat_tables(tables)

    def _restorations(self, which: int, x: Tensor, y: Tensor, image_ids: list[str]) -> Iterator[Restored]:
        """The degraded images first, then what each method makes of them."""
        config, degradation = self.config, self.config.degradations[which]
        if isinstance(degradation, AddedNoiseConfig):
            noise = Stream(config.seed, "degradation").normal(image_ids, x.shape[1:]).to(self.device)
            mask, degraded = None, with_noise(x, noise, degradation.std)
        else:
            places = Stream(config.seed, "occlusion").uniform(image_ids, (2,))
            mask = square_masks(places, x.shape[2], x.shape[3], degradation.share).to(self.device)
            degraded = occluded(x, mask, degradation.fill)
        yield Restored(DEGRADED, 0, degraded)
        for name, model in self.models.items():
            yield from self._ascents(name, model, degraded, y, None)
            if mask is not None:
                yield from self._ascents(name, model, degraded, y, mask)
        yield from self._searched(x, degraded, mask)
        if mask is not None:
            yield Restored("biharmonic", 0, classical.biharmonic(degraded, mask))
        if isinstance(degradation, AddedNoiseConfig):
            for multiple in config.noise_multiples:
                size = multiple * degradation.std
                yield Restored("total variation", multiple, classical.total_variation(degraded, size))
                yield Restored("non-local means", multiple, classical.non_local_means(degraded, size, degradation.std))
                yield Restored("wavelets", multiple, classical.wavelets(degraded, size))

    def _ascents(
        self, name: str, model: nn.Module, degraded: Tensor, y: Tensor, mask: Tensor | None
    ) -> Iterator[Restored]:
        ascent = self.config.ascent
        target = _class_to_raise(model, degraded, y, ascent.target)
        steps, threat_model = ascent.num_steps, ball_of(ascent.norm, ascent.eps)
        path = restore(
            model, degraded, target, steps=steps, mask=mask, step_size=ascent.step_size, threat_model=threat_model
        )
        method = name if mask is None else name + HELD
        for count, images in zip(steps, path, strict=True):
            yield Restored(method, count, images, name, target)

    def _searched(self, x: Tensor, degraded: Tensor, mask: Tensor | None) -> Iterator[Restored]:
        """S004's three searches; two of them are told what was there."""
        if mask is not None:
            yield Restored("nearest by true patch", 0, paste(degraded, self._nearest(x, mask), mask))
        yield Restored("nearest by original", 0, self._nearest(x))
        yield Restored("nearest by degraded", 0, self._nearest(degraded))

    def _nearest(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        return self.known[nearest_l2(x, self.known, 1, mask)[0][:, 0]]


def _class_to_raise(model: nn.Module, degraded: Tensor, y: Tensor, target: str) -> Tensor:
    """``[N]``: 0 of a binary model; of a classifier the label, or what it takes the degraded image for."""
    with torch.no_grad():
        logits = model(degraded)
    if logits.shape[1] == 1:
        return torch.zeros_like(y)
    return y if target == "true_label" else logits.argmax(dim=1)
