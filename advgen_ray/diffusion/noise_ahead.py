"""Noise drawn ahead of its step: draws are keyed and so made on the CPU, and a GPU would wait for them."""

from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager

import torch
from torch import Tensor

from advgen_ray.diffusion.samplers import NoiseFn


@contextmanager
def noise_ahead(draw: NoiseFn, device: torch.device) -> Iterator[NoiseFn]:
    """``draw`` with its noise on ``device``: while one step's is used, a thread draws that of the step after.

    256 images of 3x32x32 take some 13 ms a step to draw, about as long as a large GPU takes to denoise them. The thread
    alone calls ``draw``, so that it may hold state.
    """
    drawn: dict[int, Future[Tensor]] = {}

    def ask(step: int) -> Future[Tensor]:
        return thread.submit(lambda: _ready_to_copy(draw(step), device))

    def noise(step: int) -> Tensor:
        asked = drawn.pop(step, None) or ask(step)
        drawn[step + 1] = ask(step + 1)
        return asked.result().to(device, non_blocking=True)

    with ThreadPoolExecutor(1) as thread:
        yield noise


def _ready_to_copy(noise: Tensor, device: torch.device) -> Tensor:
    return noise.pin_memory() if device.type == "cuda" else noise
