"""Models for inference, the same ones in every actor and on every rerun."""

import torch

from advgen_ray.data.catalog import DatasetInfo
from advgen_ray.errors import UserError
from advgen_ray.storage.filesystem import local_copy
from advgen_ray.training.any_classifier import load_classifier
from advgen_ray.training.model_directory import LoadedModel, load_model


def load_unchanged(uri: str, digest: str, device: torch.device, info: DatasetInfo | None = None) -> LoadedModel:
    """The model at ``uri`` on ``device``; raises UserError if it is not the one of ``digest`` any more.

    ``info`` is that of the images for a classifier, which may be a file from elsewhere.
    """
    path = local_copy(uri)
    if info and path.is_file():
        loaded = load_classifier(path, info.image_shape, info.num_classes, info.mean, info.std)
    else:
        loaded = load_model(path)
    if loaded.digest != digest:
        raise UserError(f"{uri}: holds another model than when this job began; rerun with another --set output=...")
    loaded.model.to(device)
    return loaded
