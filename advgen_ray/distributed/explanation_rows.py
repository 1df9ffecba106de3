"""The rows of explanations: integrated gradients of each classifier's prediction, from every baseline."""

from collections.abc import Mapping

import numpy as np
import pyarrow as pa
import torch
from torch import Tensor

from advgen_ray.config.explanation import ExplainPredictionsConfig
from advgen_ray.data import datasets
from advgen_ray.distributed.columns import made_by
from advgen_ray.distributed.loading import load_unchanged
from advgen_ray.energy.integrated_gradients import bright, integrated_gradients, share_on
from advgen_ray.storage import ResultSet
from advgen_ray.storage.schemas import EXPLANATIONS, images_to_column, typed_table


class ExplanationRows:
    """``shard index -> table``: some images under every classifier."""

    def __init__(
        self, config: ExplainPredictionsConfig, uris: Mapping[str, str], result_set: ResultSet, device: torch.device
    ) -> None:
        self.config, self.device = config, device
        info = datasets.dataset_info(config.data.name, config.data.root)
        self.digests: dict[str, str] = result_set.plan["inputs"]["classifiers"]
        self.models = {
            name: load_unchanged(uris[name], digest, device, info).model for name, digest in self.digests.items()
        }
        self.test = datasets.load(config.data.name, config.data.root, "test").first(config.num_images)
        self.train_mean: Tensor | None = None
        if "mean" in config.baselines:
            self.train_mean = datasets.load(config.data.name, config.data.root, "train").tensor().mean(dim=0).to(device)

    def __call__(self, index: int) -> pa.Table:
        """The rows of one shard, in batches of ``batch_size``."""
        start, size = index * self.config.shard_images, self.config.batch_size
        stop = min(start + self.config.shard_images, len(self.test))
        places = [np.arange(at, min(at + size, stop)) for at in range(start, stop, size)]
        return pa.concat_tables([
            self._batch(name, baseline, indices)
            for indices in places for name in self.models for baseline in self.config.baselines
        ])  # fmt: skip

    def _batch(self, name: str, baseline: str, indices: np.ndarray) -> pa.Table:
        x, model, size = self.test.tensor(indices).to(self.device), self.models[name], len(indices)
        with torch.no_grad():
            predicted = model(x).argmax(dim=1)
        found = integrated_gradients(
            model,
            x,
            predicted,
            self._baseline(baseline).expand_as(x),
            num_steps=self.config.num_steps,
            images_at_once=self.config.images_at_once,
        )
        pixels = bright(x, self.config.bright_above)
        image_ids = self.test.item_ids(indices)
        columns = {
            "item_id": [f"{name}/{baseline}/{image_id}" for image_id in image_ids],
            "classifier": [name] * size,
            "baseline": [baseline] * size,
            "image_id": image_ids,
            "label": self.test.labels[indices],
            "predicted": predicted.cpu().numpy(),
            "attribution": images_to_column(found.masks.cpu().numpy()),
            "logit": found.logit.cpu().numpy(),
            "baseline_logit": found.baseline_logit.cpu().numpy(),
            "delta": found.delta.cpu().numpy(),
            "bright_share": pixels.flatten(1).double().mean(dim=1).cpu().numpy(),
            "attribution_share": share_on(found.masks, pixels).clamp(max=1.0).cpu().numpy(),
        }
        return typed_table(EXPLANATIONS, columns, **made_by(self.config, self.digests[name]))

    def _baseline(self, name: str) -> Tensor:
        """``[C, H, W]``."""
        if name == "mean":
            assert self.train_mean is not None, "loaded where it is asked for"
            return self.train_mean
        shape = self.test.info.image_shape
        return torch.full(shape, 0.5 if name == "grey" else 0.0, device=self.device)


def num_shards(config: ExplainPredictionsConfig) -> int:
    """How many shards the images make."""
    return -(-config.num_images // config.shard_images)
