"""How workers that train together talk: by NCCL where torch can use the GPU of each, else by gloo from their CPUs."""

from dataclasses import dataclass, replace
from typing import Any

import torch
import torch.distributed as dist
from ray.train.torch import TorchConfig, get_device

_TorchBackend = TorchConfig().backend_cls


class _Backend(_TorchBackend):  # type: ignore[misc, valid-type]
    def on_start(self, worker_group: Any, backend_config: TorchConfig) -> None:
        usable = all(worker_group.execute(torch.cuda.is_available))
        super().on_start(worker_group, backend_config if usable else replace(backend_config, backend="gloo"))


@dataclass
class UsableBackend(TorchConfig):
    """Ray Train's own setup goes by what Ray gives: NCCL for GPUs, which fails where torch cannot use one of them."""

    @property
    def backend_cls(self) -> type[_Backend]:
        """What Ray Train starts on the workers."""
        return _Backend


def worker_device() -> torch.device:
    """Of a worker, asked in it: its GPU, if all of its group can use theirs."""
    return get_device() if dist.get_backend() == "nccl" else torch.device("cpu")
