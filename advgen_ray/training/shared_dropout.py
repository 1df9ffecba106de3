"""Dropout of a global batch: each worker's items lose the units that they lose where one worker trains alone."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial

import torch
from torch import Tensor, nn
from torch.nn import functional

from advgen_ray.training.worker import Worker


@contextmanager
def shared_dropout(model: nn.Module, worker: Worker, sizes: tuple[int, ...]) -> Iterator[None]:
    """Inside, the model's ``nn.Dropout`` layers draw for the whole batch, and drop this worker's rows of it.

    ``sizes`` are those of the global batches that a forward joins, in its order; it may join all of them more than
    once. Of each a worker holds every ``num_workers``-th item from its rank-th. The workers' generators must be in the
    same state, and stay so, as every mask is drawn whole. Alone, and in evaluation mode, all is as torch has it.
    """
    layers = [module for module in model.modules() if isinstance(module, nn.Dropout)] if worker.num_workers > 1 else []
    for layer in layers:
        layer.forward = partial(_drop, layer, worker, sizes)  # type: ignore[method-assign]
    try:
        yield
    finally:
        for layer in layers:
            del layer.forward


def _drop(layer: nn.Dropout, worker: Worker, sizes: tuple[int, ...], x: Tensor) -> Tensor:
    if not layer.training:
        return x
    num_local = sum(len(range(worker.rank, size, worker.num_workers)) for size in sizes)
    times, rest = divmod(len(x), num_local)
    assert not rest, f"{len(x)} rows, where worker {worker.rank} holds {num_local} of batches of {sizes}"
    kept = functional.dropout(_ones(times * sum(sizes), x), layer.p) != 0
    own = torch.cat([part[worker.rank :: worker.num_workers] for part in kept.split(sizes * times)])
    return x * own / (1 - layer.p)


def _ones(num_rows: int, like: Tensor) -> Tensor:
    """So many rows of ones, of the shape and memory format of ``like``: torch may draw in the order of memory."""
    channels_last = like.is_contiguous(memory_format=torch.channels_last)
    layout = torch.channels_last if channels_last else torch.contiguous_format
    shape = (num_rows, *like.shape[1:])
    return torch.empty(shape, dtype=like.dtype, device=like.device, memory_format=layout).fill_(1)
