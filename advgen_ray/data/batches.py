"""The order in which training sees items: known for every step beforehand, so that any step can be the next one."""

import math
from dataclasses import dataclass

import numpy as np

from advgen_ray.errors import UserError
from advgen_ray.rng import Stream


@dataclass(frozen=True)
class Batch:
    """A worker's part of a step's global batch: ``indices`` [n] into the split, and the size of the whole."""

    indices: np.ndarray
    global_size: int

    @property
    def share(self) -> float:
        """Of the whole."""
        return len(self.indices) / self.global_size


class BatchOrder:
    """Each epoch a new permutation, cut into batches of nearly equal size.

    Every item is seen once an epoch, the last batch is as large as the others: an epoch of N items has
    ceil(N / batch_size) batches whose sizes differ by at most one. Which items share a step depends on the seed and
    the epoch only; worker r of W takes every W-th of them from the r-th, so workers see the same global batches
    whatever their number. The position of a run is its step and nothing else.

    ``purpose`` names the stream of permutations: two sets that are drawn together have one each. Raises UserError where
    a batch would leave a worker without an item.
    """

    def __init__(
        self,
        num_items: int,
        batch_size: int,
        seed: int,
        rank: int = 0,
        num_workers: int = 1,
        purpose: str = "batches",
    ) -> None:
        self.num_items, self.rank, self.num_workers = num_items, rank, num_workers
        self.steps_per_epoch = math.ceil(num_items / batch_size)
        if num_items // self.steps_per_epoch < num_workers:
            raise UserError(
                f"batch_size {batch_size} over {num_items} items leaves one of {num_workers} workers without any; "
                "raise batch_size or lower workers.num_workers"
            )
        self._stream = Stream(seed, purpose)
        self._epoch, self._order = -1, np.empty(0, dtype=np.int64)

    def at(self, step: int) -> Batch:
        """This worker's part of global step ``step`` (from 0)."""
        epoch, position = divmod(step, self.steps_per_epoch)
        if epoch != self._epoch:
            self._epoch, self._order = epoch, self._stream.permutation(self.num_items, epoch)
        start, stop = self._edges(position)
        return Batch(self._order[start + self.rank : stop : self.num_workers], stop - start)

    def size_at(self, step: int) -> int:
        """The size of the global batch of step ``step``."""
        start, stop = self._edges(step % self.steps_per_epoch)
        return stop - start

    def _edges(self, position: int) -> tuple[int, int]:
        """Where the batch at a position of the epoch begins and ends in its permutation."""
        return self.num_items * position // self.steps_per_epoch, self.num_items * (
            position + 1
        ) // self.steps_per_epoch
