"""The images that counterfactuals are made of: those of a split, or of another set of counterfactuals."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from advgen_ray.config import CounterfactualsConfig
from advgen_ray.data import datasets
from advgen_ray.errors import UserError
from advgen_ray.storage import ResultSet
from advgen_ray.storage.schemas import column_to_images


@dataclass(frozen=True)
class Sources:
    """``ids`` and ``labels [N]`` of some sources, and their ``images [N, C, H, W]`` in [0, 1]."""

    ids: list[str]
    labels: np.ndarray
    images: Tensor


SourcesAt = Callable[[np.ndarray], Sources]
"""``indices [N] -> Sources``, a source for each index, in that order."""


def load_sources(config: CounterfactualsConfig, identity: str | None) -> SourcesAt:
    """The sources that the config names; ``identity`` is that of the set of counterfactuals when the job began.

    Raises UserError where another set lies there now.
    """
    if identity is None:
        return of_split(datasets.load(config.data.name, config.data.root, config.split))
    result_set = ResultSet.open(config.sources)
    if result_set.identity != identity:
        raise UserError(f"{config.sources}: holds another set than when this job began; rerun with another output")
    return _of_set(result_set)


def of_split(data: datasets.LabelledImages) -> SourcesAt:
    """The images of a split as sources."""

    def at(indices: np.ndarray) -> Sources:
        return Sources(data.item_ids(indices), data.labels[indices], data.tensor(indices))

    return at


def _of_set(result_set: ResultSet) -> SourcesAt:
    """A counterfactual is a source under its own id, and its label is the class that it was made for.

    Only the shards that the indices fall into are read: a set may be larger than an actor's memory.
    """
    ends = np.cumsum([shard["num_rows"] for shard in result_set.manifest["shards"]])
    shape = result_set.image_shape
    assert shape is not None

    def at(indices: np.ndarray) -> Sources:
        shards = np.searchsorted(ends, indices, side="right")
        ids = np.empty(len(indices), dtype=object)
        labels = np.empty(len(indices), dtype=np.int64)
        images = np.empty((len(indices), *shape), dtype=np.float32)
        for shard in np.unique(shards):
            wanted = np.flatnonzero(shards == shard)
            table = result_set.shard(int(shard), ["item_id", "y_target", "x_ce"])
            start = int(ends[shard]) - table.num_rows
            rows, place = np.unique(indices[wanted] - start, return_inverse=True)
            found = table.take(rows)
            ids[wanted] = np.array(found["item_id"].to_pylist(), dtype=object)[place]
            labels[wanted] = found["y_target"].to_numpy()[place]
            images[wanted] = column_to_images(found["x_ce"], shape)[place]
        return Sources(ids.tolist(), labels, torch.from_numpy(images))

    return at
