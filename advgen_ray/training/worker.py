"""One of the workers that train together: its place among them, and the two things they do jointly."""

from dataclasses import dataclass, field

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel


@dataclass(frozen=True)
class Worker:
    """Worker ``rank`` of ``num_workers``; more than one need an initialised ``torch.distributed`` group."""

    rank: int = 0
    num_workers: int = 1
    local_rank: int = 0
    device: torch.device = field(default_factory=lambda: torch.device("cpu"))

    def total(self, values: Tensor) -> Tensor:
        """The sum of every worker's ``values``, on every worker."""
        if self.num_workers > 1:
            dist.all_reduce(values)
        return values

    def mean(self, values: Tensor) -> Tensor:
        """The mean of all workers' ``values`` ``[N]`` (of numbers N that may differ), on every worker."""
        total, count = self.total(torch.stack([values.sum(), values.new_tensor(len(values))]))
        return total / count

    def barrier(self) -> None:
        """Wait for the others."""
        if self.num_workers > 1:
            dist.barrier()

    def joined(self, model: nn.Module) -> nn.Module:
        """``model`` with gradients averaged over the workers; alone, the model itself.

        Buffers are not broadcast: the only ones that move, batch-norm statistics, are global already.
        """
        if self.num_workers == 1:
            return model
        devices = [self.device.index] if self.device.type == "cuda" else None
        return DistributedDataParallel(model, device_ids=devices, broadcast_buffers=False)
