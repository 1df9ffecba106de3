"""A set of counterfactuals as a classifier that took no part in making it sees it."""

from collections.abc import Callable

import pandas as pd
import torch
from torch import nn

from advgen_ray.analysis.ce_ablation import DISTANCES
from advgen_ray.config import DataConfig
from advgen_ray.data.datasets import dataset_info
from advgen_ray.distributed.loading import load_unchanged
from advgen_ray.storage import ResultSet
from advgen_ray.storage.schemas import column_to_images

READ = ["source_id", "source_label", "y_target", *DISTANCES]


def load_judge(uri: str, digest: str, data: DataConfig, device: torch.device) -> nn.Module:
    """The classifier; raises UserError where it is no longer the one of this digest."""
    return load_unchanged(uri, digest, device, dataset_info(data.name, data.root)).model


def judged_rows(result_set: ResultSet, judge: nn.Module, batch_size: int, device: torch.device) -> pd.DataFrame:
    """The rows of a set with what the judge predicts; one shard of images in memory at a time."""
    shape = result_set.image_shape
    assert shape is not None
    tables = []
    for shard in result_set.tables([*READ, "x_ce"]):
        images = torch.from_numpy(column_to_images(shard["x_ce"], shape))
        predicted = [_predict(judge, batch.to(device)) for batch in images.split(batch_size)]
        tables.append(shard.select(READ).to_pandas().assign(predicted=torch.cat(predicted).numpy()))
    return pd.concat(tables, ignore_index=True)


@torch.no_grad()
def _predict(judge: Callable[[torch.Tensor], torch.Tensor], images: torch.Tensor) -> torch.Tensor:
    return judge(images).argmax(1).cpu()
