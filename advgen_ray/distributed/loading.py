"""Models for inference, the same ones in every actor and on every rerun, and the device that Ray gave for them."""

import torch

from advgen_ray.config import DataConfig
from advgen_ray.data import datasets
from advgen_ray.data.catalog import DatasetInfo
from advgen_ray.errors import UserError
from advgen_ray.storage.filesystem import local_copy
from advgen_ray.training.any_classifier import load_classifier
from advgen_ray.training.any_score_model import CPU, load_score_model
from advgen_ray.training.loaded_score import LoadedScore
from advgen_ray.training.model_directory import LoadedModel, load_model


def own_device() -> torch.device:
    """Of a worker, an actor or a trial, asked in it: the GPU that Ray gave it, where its torch can use one."""
    return torch.device("cuda" if torch.cuda.is_available() and given_gpu() else "cpu")


def given_gpu() -> bool:
    """Whether Ray gave this process a GPU, or a part of one."""
    import ray

    return ray.is_initialized() and bool(ray.get_gpu_ids())


def load_unchanged(uri: str, digest: str, device: torch.device, info: DatasetInfo | None = None) -> LoadedModel:
    """The model at ``uri`` on ``device``; raises UserError if it is not the one of ``digest`` any more.

    ``info`` is that of the images for a classifier, which may be a file from elsewhere.
    """
    path = local_copy(uri)
    loaded = load_classifier(path, info.image_shape, info.num_classes) if info and path.is_file() else load_model(path)
    _check_unchanged(uri, loaded.digest, digest)
    loaded.model.to(device)
    return loaded


def load_score(uri: str, data: DataConfig, unconditional: str = "", device: torch.device = CPU) -> LoadedScore:
    """The score model at ``uri`` for images of ``data``, with the unconditional one beside it where there is one."""
    info = datasets.dataset_info(data.name, data.root)
    beside = local_copy(unconditional) if unconditional else None
    return load_score_model(local_copy(uri), info.image_shape, info.num_classes, unconditional=beside, device=device)


def load_unchanged_score(
    uri: str, digest: str, data: DataConfig, device: torch.device, unconditional: str = ""
) -> LoadedScore:
    """``load_score``; raises UserError if what it loads is not of ``digest`` any more."""
    loaded = load_score(uri, data, unconditional, device)
    _check_unchanged(uri, loaded.digest, digest)
    return loaded


def _check_unchanged(uri: str, found: str, digest: str) -> None:
    if found != digest:
        raise UserError(f"{uri}: holds another model than when this job began; rerun with another --set output=...")
