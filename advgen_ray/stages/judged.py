"""A set of counterfactuals as a classifier that took no part in making it sees it, and what that is worth."""

from collections.abc import Callable

import pandas as pd
import torch
from torch import nn

from advgen_ray.analysis.ce_ablation import DISTANCES, measures
from advgen_ray.config import CounterfactualsConfig, GenerateConfig
from advgen_ray.data.datasets import dataset_info
from advgen_ray.diffusion.vp_sde import VPSDE
from advgen_ray.distributed.ce_generators import evaluations_of
from advgen_ray.distributed.counterfactual_rows import Judge
from advgen_ray.distributed.loading import load_unchanged, own_device
from advgen_ray.storage import ResultSet
from advgen_ray.storage.schemas import column_to_images

READ = ["source_id", "source_label", "y_target", *DISTANCES]
SECONDS = "seconds_per_ce"  # what does not follow from the config alone


def measured(config: CounterfactualsConfig, judge: Judge) -> dict[str, float]:
    """The measures of a finished set, its seconds a counterfactual and, of a diffusion, evaluations of the network.

    Raises UserError where the judge is no longer the one of its digest.
    """
    device, result_set = own_device(), ResultSet.open(config.output)
    info = dataset_info(config.data.name, config.data.root)
    model = load_unchanged(judge.uri, judge.digest, device, info).model
    return {
        **measures(judged_rows(result_set, model, config.images_at_once, device)),
        SECONDS: result_set.seconds / result_set.manifest["num_rows"],
        **({"network_evaluations": evaluations_of(config, VPSDE())} if isinstance(config, GenerateConfig) else {}),
    }


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
