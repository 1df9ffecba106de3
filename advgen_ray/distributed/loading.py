"""Models for inference, the same ones in every actor and on every rerun."""

import torch

from advgen_ray.errors import UserError
from advgen_ray.storage.filesystem import local_copy
from advgen_ray.training.model_directory import LoadedModel, load_model


def load_unchanged(uri: str, digest: str, device: torch.device) -> LoadedModel:
    """The model at ``uri`` on ``device``; raises UserError if it is not the one of ``digest`` any more."""
    loaded = load_model(local_copy(uri))
    if loaded.digest != digest:
        raise UserError(f"{uri}: holds another model than when this job began; rerun with another --set output=...")
    loaded.model.to(device)
    return loaded
