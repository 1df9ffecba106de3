"""A set of counterfactuals as a classifier that took no part in making it sees it."""

from collections.abc import Callable

import pandas as pd
import torch

from advgen_ray.analysis.ce_ablation import DISTANCES
from advgen_ray.config import CounterfactualsConfig
from advgen_ray.data.datasets import dataset_info
from advgen_ray.distributed.loading import load_unchanged
from advgen_ray.storage import ResultSet
from advgen_ray.storage.schemas import column_to_images

READ = ["source_id", "source_label", "y_target", *DISTANCES]


def judged_rows(
    result_set: ResultSet, judge: str, digest: str, config: CounterfactualsConfig, device: torch.device
) -> pd.DataFrame:
    """The rows of a set by ``config`` with what the judge predicts; one shard of images in memory at a time.

    Raises UserError where the judge is no longer the one of this digest.
    """
    info = dataset_info(config.data.name, config.data.root)
    model = load_unchanged(judge, digest, device, info).model
    shape = result_set.image_shape
    assert shape is not None
    tables = []
    for shard in result_set.tables([*READ, "x_ce"]):
        images = torch.from_numpy(column_to_images(shard["x_ce"], shape))
        predicted = [_predict(model, batch.to(device)) for batch in images.split(config.batch_size)]
        tables.append(shard.select(READ).to_pandas().assign(predicted=torch.cat(predicted).numpy()))
    return pd.concat(tables, ignore_index=True)


@torch.no_grad()
def _predict(judge: Callable[[torch.Tensor], torch.Tensor], images: torch.Tensor) -> torch.Tensor:
    return judge(images).argmax(1).cpu()
