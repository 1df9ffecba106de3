"""The rows of targeted synthesis: images that ascend a logit, those between two starts, and features of real ones."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import torch
from torch import Tensor, nn

from advgen_ray.attacks.objectives import class_logit
from advgen_ray.attacks.pgd import PGD
from advgen_ray.config.synthesis import LogitAscentConfig, SynthesizeConfig
from advgen_ray.data import datasets
from advgen_ray.data.datasets import LabelledImages
from advgen_ray.distributed import metrics
from advgen_ray.distributed.attacks import ball_of
from advgen_ray.distributed.columns import NO_JUDGE
from advgen_ray.distributed.feature_extractors import load_extractor
from advgen_ray.distributed.loading import load_unchanged
from advgen_ray.distributed.synthesis_starts import NO_CLASS, between, load_starts
from advgen_ray.storage import ResultSet
from advgen_ray.storage.descriptions import config_digest
from advgen_ray.storage.schemas import IMAGE_FEATURES, INTERPOLATIONS, SYNTHESIS, images_to_column, typed_table


@dataclass(frozen=True)
class Synthesizer:
    """A model whose logits are ascended, as tables call it; ``num_logits`` is 1 of a binary one.

    ``class_index`` is the class that a binary model was trained to tell from others, None where it was all the data.
    """

    name: str
    uri: str
    digest: str
    num_logits: int
    class_index: int | None

    def targets(self, classes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The logits to ascend, and the classes then asked for, ``NO_CLASS`` where the model knows none."""
        if self.num_logits > 1:
            return classes, classes
        asked = NO_CLASS if self.class_index is None else self.class_index
        return np.zeros_like(classes), np.full_like(classes, asked)


class SynthesisRows:
    """``shard index -> table`` of the images of one model by one ascent, in batches of ``batch_size``."""

    def __init__(
        self,
        config: SynthesizeConfig,
        synthesizer: Synthesizer,
        ascent: LogitAscentConfig,
        result_set: ResultSet,
        device: torch.device,
    ) -> None:
        self.config, self.synthesizer, self.ascent, self.device = config, synthesizer, ascent, device
        self.starts = load_starts(config)
        info, inputs = self.starts.info, result_set.plan["inputs"]
        self.model = load_unchanged(synthesizer.uri, synthesizer.digest, device, info).model
        self.judge = load_unchanged(config.judge, inputs["judge"], device, info).model if inputs["judge"] else None
        self.extract = load_extractor(config, inputs["features"], device, info)
        self.provenance = _provenance(result_set, synthesizer.digest)

    def __call__(self, index: int) -> pa.Table:
        """The rows of one shard."""
        shard = _items(index, self.config.shard_images, self.config.num_images)
        size = self.config.batch_size
        return pa.concat_tables([self._batch(shard[at : at + size]) for at in range(0, len(shard), size)])

    def _batch(self, items: np.ndarray) -> pa.Table:
        y_target, asked = self.synthesizer.targets(self.starts.classes(items))
        x_start = self.starts(items).to(self.device)
        target = torch.from_numpy(y_target).to(self.device)
        x = ascend(self.model, x_start, target, self.ascent)
        logit, predicted = _read(self.model, x, target)
        features, feature_logits = self.extract(x)
        metrics.came_forward()
        name, ascent = self.synthesizer.name, self.ascent.label
        return typed_table(SYNTHESIS, {
            "item_id": [f"{name}/{ascent}/{item}" for item in items],
            "start": items,
            "start_label": self.starts.labels(items),
            "class_asked": asked,
            "y_target": y_target,
            "x_start": images_to_column(x_start.cpu().numpy()),
            "x_generated": images_to_column(x.cpu().numpy()),
            "start_logit": _read(self.model, x_start, target)[0].cpu().numpy(),
            "logit": logit.cpu().numpy(),
            "predicted": predicted.cpu().numpy(),
            "judge_start_predicted": self._judged(x_start),
            "judge_predicted": self._judged(x),
            "distance": ball_of(self.ascent.norm, self.ascent.eps).distance(x, x_start).cpu().numpy(),
            "features": list(features.cpu().numpy()),
            "feature_logits": list(feature_logits.cpu().numpy()),
        }, **self.provenance, model=name, ascent=ascent)  # fmt: skip

    @torch.no_grad()
    def _judged(self, images: Tensor) -> np.ndarray:
        if self.judge is None:
            return np.full(len(images), NO_JUDGE)
        return np.asarray(self.judge(images).argmax(dim=1).cpu().numpy())


class InterpolationRows:
    """``shard index -> table``: all interpolations of one model, by the first ascent."""

    def __init__(
        self, config: SynthesizeConfig, synthesizers: list[Synthesizer], result_set: ResultSet, device: torch.device
    ) -> None:
        self.config, self.synthesizers, self.result_set, self.device = config, synthesizers, result_set, device

    def __call__(self, index: int) -> pa.Table:
        """Pair by pair, point by point."""
        starts, synthesizer, ascent = load_starts(self.config), self.synthesizers[index], self.config.ascents[0]
        model = load_unchanged(synthesizer.uri, synthesizer.digest, self.device, starts.info).model
        positions = np.linspace(0, 1, self.config.num_points).tolist()
        tables = []
        for pair in range(self.config.num_interpolations):
            ends = np.array([pair, pair + starts.info.num_classes])  # of one class, which take turns
            target = torch.from_numpy(synthesizer.targets(starts.classes(ends[:1]))[0]).to(self.device)
            first, second = starts(ends)
            x_start = between(first, second, positions).to(self.device)
            y_target = target.expand(len(positions))
            x = ascend(model, x_start, y_target, ascent)
            same = _provenance(self.result_set, synthesizer.digest)
            same |= {"model": synthesizer.name, "ascent": ascent.label, "pair": pair}
            tables.append(typed_table(INTERPOLATIONS, {
                "item_id": [f"{synthesizer.name}/{ascent.label}/{ends[0]}-{ends[1]}/{at}" for at in range(len(x))],
                "position": positions,
                "y_target": y_target.cpu().numpy(),
                "x_start": images_to_column(x_start.cpu().numpy()),
                "x_generated": images_to_column(x.cpu().numpy()),
                "logit": _read(model, x, y_target)[0].cpu().numpy(),
            }, **same))  # fmt: skip
        return pa.concat_tables(tables)


class ImageFeatureRows:
    """``shard index -> table``: what the network reads in training and test images and in the starts, in this order."""

    def __init__(
        self,
        config: SynthesizeConfig,
        parts: list[tuple[str, int, int]],
        result_set: ResultSet,
        device: torch.device,
    ) -> None:
        self.config, self.parts, self.device = config, parts, device
        self.starts = load_starts(config)
        digest = result_set.plan["inputs"]["features"]
        self.extract = load_extractor(config, digest, device, self.starts.info)
        self.provenance = _provenance(result_set, digest)
        self.images: dict[str, LabelledImages] = {}  # by split, read when first asked for

    def __call__(self, index: int) -> pa.Table:
        """The rows of one shard, in batches of ``batch_size``."""
        split, start, stop = self.parts[index]
        size = self.config.batch_size
        return pa.concat_tables(
            [self._batch(split, np.arange(at, min(at + size, stop))) for at in range(start, stop, size)]
        )

    def _batch(self, split: str, items: np.ndarray) -> pa.Table:
        if split == "start":
            names, labels, x = [str(item) for item in items], self.starts.classes(items), self.starts(items)
        else:
            images = self._split(split).subset(items)
            names, labels, x = images.item_ids(range(len(images))), images.labels, images.tensor()
        features, logits = self.extract(x.to(self.device))
        return typed_table(IMAGE_FEATURES, {
            "item_id": [f"{split}/{name}" for name in names],
            "label": labels,
            "features": list(features.cpu().numpy()),
            "feature_logits": list(logits.cpu().numpy()),
        }, **self.provenance, split=split)  # fmt: skip

    def _split(self, split: str) -> LabelledImages:
        if split not in self.images:
            data = self.config.data
            self.images[split] = datasets.load(data.name, data.root, "test" if split == "test" else "train")
        return self.images[split]


def ascend(model: nn.Module, x: Tensor, y_target: Tensor, ascent: LogitAscentConfig) -> Tensor:
    """PGD on ``class_logit`` from the start itself: the same code for every kind of model."""
    return PGD(ball_of(ascent.norm, ascent.eps), ascent.num_steps, ascent.step_size)(model, x, class_logit(y_target))


def feature_parts(sizes: Mapping[str, int], shard_images: int) -> list[tuple[str, int, int]]:
    """Shards of ``ImageFeatureRows``: split, first image, and one beyond the last."""
    return [
        (split, start, min(start + shard_images, size))
        for split, size in sizes.items()
        for start in range(0, size, shard_images)
    ]


@torch.no_grad()
def _read(model: nn.Module, images: Tensor, y_target: Tensor) -> tuple[Tensor, Tensor]:
    """The logit that was ascended, and the class predicted: of a binary model 0 or ``NO_CLASS``."""
    logits = model(images)
    predicted = logits.argmax(dim=1) if logits.shape[1] > 1 else torch.where(logits[:, 0] > 0, 0, NO_CLASS)
    return class_logit(y_target)(logits), predicted


def _items(index: int, shard_images: int, num_images: int) -> np.ndarray:
    return np.arange(index * shard_images, min((index + 1) * shard_images, num_images))


def _provenance(result_set: ResultSet, model_digest: str) -> dict[str, Any]:
    config = result_set.plan["config"]
    return {"seed": config["seed"], "model_digest": model_digest, "config_digest": config_digest(config)}
