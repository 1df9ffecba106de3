"""Batches that memory holds: one that it does not is halved, and the size that went through is kept."""

import math
import sys
from collections.abc import Sequence

import torch
from torch import Tensor

from advgen_ray.distributed.ce_generators import Make

# What torch says where it does not raise its OutOfMemoryError: on a CPU, and where a library of NVIDIA's allocates.
OUT_OF_MEMORY = ("can't allocate memory", "CUDNN_STATUS_ALLOC_FAILED", "CUBLAS_STATUS_ALLOC_FAILED")


class WithinMemory:
    """A ``Make`` that never asks for more rows at once than memory was found to hold.

    A batch that runs out of memory is made again in halves, and so on; no later one is larger than what went through.
    Halves are of one size, since a compiled network is compiled for every size. Draws are keyed by item, so a
    counterfactual is the same in any batch, but for rounding. One row that does not fit raises torch's error.
    """

    def __init__(self, make: Make) -> None:
        self.make = make
        self.most = sys.maxsize

    def __call__(self, sources: Tensor, y_target: Tensor, item_ids: Sequence[str]) -> Tensor:
        """As ``Make``."""
        made: list[Tensor] = []
        begin = 0
        while begin < len(sources):
            rows = slice(begin, min(begin + self.most, len(sources)))
            part = self._try(sources[rows], y_target[rows], item_ids[rows])
            if part is None:
                self.most = math.ceil((rows.stop - rows.start) / 2)
                print(f"out of memory: {rows.stop - rows.start} at once, now {self.most}", flush=True)
            else:
                made.append(part)
                begin = rows.stop
        return torch.cat(made)

    def _try(self, sources: Tensor, y_target: Tensor, item_ids: Sequence[str]) -> Tensor | None:
        try:
            return self.make(sources, y_target, item_ids)
        except RuntimeError as error:
            if len(sources) == 1 or not ran_out_of_memory(error):
                raise
        # Only here, where the error is gone and with it the frames that hold the batch's tensors, is there any to free.
        if torch.cuda.is_available():
            torch.cuda.empty_cache()
        return None


def ran_out_of_memory(error: RuntimeError) -> bool:
    """Whether a smaller batch may do what this one could not."""
    return isinstance(error, torch.OutOfMemoryError) or any(words in str(error) for words in OUT_OF_MEMORY)
