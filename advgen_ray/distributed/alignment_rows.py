"""The rows of gradients beside counterfactuals: loads classifiers, sources and a set, converts around the cosines."""

import numpy as np
import pyarrow as pa
import torch

from advgen_ray.config.gradient_alignment import AlignGradientsConfig
from advgen_ray.data import datasets
from advgen_ray.distributed.columns import classifier_columns, made_by
from advgen_ray.distributed.loading import load_unchanged
from advgen_ray.energy.input_gradients import alignment, cross_entropy_gradient
from advgen_ray.storage import ResultSet
from advgen_ray.storage.schemas import GRADIENT_ALIGNMENT, column_to_images, typed_table

READ = ["item_id", "source_id", "source_index", "source_label", "y_target", "x_ce", "l2"]


class AlignmentRows:
    """``shard index -> table``: the shards of the set of counterfactuals, once for each classifier in turn."""

    def __init__(self, config: AlignGradientsConfig, result_set: ResultSet, device: torch.device) -> None:
        inputs = result_set.plan["inputs"]
        info = datasets.dataset_info(config.data.name, config.data.root)
        self.config, self.device = config, device
        self.names = list(inputs["classifiers"])
        self.loaded = [
            load_unchanged(uri, inputs["classifiers"][name], device, info)
            for uri, name in zip(config.classifiers, self.names, strict=True)
        ]
        self.counterfactuals = ResultSet.open(config.counterfactuals)
        split = self.counterfactuals.plan["config"]["split"]
        self.sources = datasets.load(config.data.name, config.data.root, split)
        train = datasets.load(config.data.name, config.data.root, "train")
        means = [train.tensor(np.flatnonzero(train.labels == y)).mean(dim=0) for y in range(info.num_classes)]
        self.class_means = torch.stack(means).to(device)

    def __call__(self, index: int) -> pa.Table:
        """The rows of one shard, in batches of ``batch_size``."""
        which, shard = divmod(index, self.counterfactuals.num_shards)
        table = self.counterfactuals.shard(shard, READ)
        size = self.config.batch_size
        return pa.concat_tables([self._batch(which, table.slice(i, size)) for i in range(0, table.num_rows, size)])

    def _batch(self, which: int, table: pa.Table) -> pa.Table:
        loaded, shape = self.loaded[which], self.counterfactuals.image_shape
        assert shape is not None, f"{self.counterfactuals.uri} was checked to hold images"
        x = self.sources.tensor(table["source_index"].to_numpy()).to(self.device)
        y_target = torch.from_numpy(table["y_target"].to_numpy().astype(np.int64)).to(self.device)
        x_ce = torch.from_numpy(column_to_images(table["x_ce"], shape)).to(self.device)
        gradient = cross_entropy_gradient(loaded.model, x, y_target)
        size = table.num_rows
        columns = {
            "item_id": [f"{self.names[which]}/{item_id}" for item_id in table["item_id"].to_pylist()],
            **classifier_columns(self.names[which], loaded, size),
            **{key: table[key].combine_chunks() for key in ("source_id", "source_label", "y_target", "l2")},
            "alignment": alignment(gradient, x, x_ce).cpu().numpy(),
            "class_alignment": alignment(gradient, x, self.class_means[y_target]).cpu().numpy(),
            "gradient_norm": gradient.flatten(1).norm(dim=1).cpu().numpy(),
        }
        return typed_table(GRADIENT_ALIGNMENT, columns, **made_by(self.config, loaded.digest))
