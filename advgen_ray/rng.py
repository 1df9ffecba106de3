"""Random streams keyed by (seed, purpose, item, step): independent of batch, shard, worker count and retry.

Philox is counter-based, so the draw for one key costs no draws for any other: an item's noise at step 700
is found without producing the 699 before it, alone or in any batch, on any machine.
"""

from collections.abc import Callable, Sequence
from hashlib import blake2b

import numpy as np
import torch

Item = int | str

StartNoise = Callable[[torch.Tensor], torch.Tensor]
"""``start_noise(x)``: standard normal noise of ``x``'s shape, on its device."""


class Stream:
    """All the randomness of one purpose (``"sampler"``, ``"attack"``, ``"augment"``) under one seed."""

    def __init__(self, seed: int, purpose: str) -> None:
        self.seed, self.purpose = seed, purpose
        self._bits = np.random.Philox(key=0)
        self._generator = np.random.Generator(self._bits)
        self._state = self._bits.state  # reused, for it is set once an item: all of its numbers are written below
        self._state["buffer_pos"] = 4  # an empty buffer: nothing is left over from the former key
        self._state["has_uint32"] = 0
        self._key, self._counter = self._state["state"]["key"], self._state["state"]["counter"]

    def generator(self, item: Item, step: int = 0) -> np.random.Generator:
        """The generator of one item at one step; valid until the next call on this stream."""
        digest = blake2b(f"{self.seed}/{self.purpose}/{item}".encode(), digest_size=16).digest()
        self._key[:] = np.frombuffer(digest, dtype=np.uint64)
        self._counter[3] = step
        self._bits.state = self._state
        return self._generator

    def normal(self, items: Sequence[Item], shape: Sequence[int], step: int = 0) -> torch.Tensor:
        """Standard normal noise ``[len(items), *shape]`` in float32 on the CPU."""
        noise = np.empty((len(items), *shape), dtype=np.float32)
        for row, item in zip(noise, items, strict=True):
            self.generator(item, step).standard_normal(dtype=np.float32, out=row)
        return torch.from_numpy(noise)

    def uniform(self, items: Sequence[Item], shape: Sequence[int], step: int = 0) -> torch.Tensor:
        """Uniform draws in [0, 1), ``[len(items), *shape]``, in float32 on the CPU."""
        draws = np.empty((len(items), *shape), dtype=np.float32)
        for row, item in zip(draws, items, strict=True):
            self.generator(item, step).random(dtype=np.float32, out=row)
        return torch.from_numpy(draws)

    def permutation(self, num_items: int, step: int = 0) -> np.ndarray:
        """An order of ``range(num_items)``, another for each step (an epoch, for a data loader)."""
        return self.generator("order", step).permutation(num_items)

    def torch_seed(self, step: int) -> int:
        """A 63-bit seed for torch's own generator where a layer draws by itself (dropout)."""
        return int(self.generator("torch/0", step).integers(2**63 - 1))


def keyed(stream: Stream, items: Sequence[Item], step: int = 0) -> StartNoise:
    """Start noise of each item at a step, for images of any shape, on their device."""
    return lambda x: stream.normal(items, x.shape[1:], step).to(x.device)
