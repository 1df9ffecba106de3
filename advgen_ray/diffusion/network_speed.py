"""A score whose network is evaluated faster, at the cost of rounding: in bfloat16, and compiled."""

import torch
from torch import Tensor

from advgen_ray.diffusion import ScoreFn


def in_bfloat16(score_fn: ScoreFn) -> ScoreFn:
    """``score_fn`` with its matrix products in bfloat16: half the memory, on GPUs many times the rate.

    The images that come in and the score that goes out are in the type of ``x_t``, and so is all that a sampler adds
    up: its state stays in float32, where a step of 1e-3 is not rounded away.
    """

    def evaluated(x_t: Tensor, t: Tensor, y: Tensor) -> Tensor:
        with torch.autocast(x_t.device.type, torch.bfloat16):
            score = score_fn(x_t, t, y)
        return score.to(x_t.dtype)

    return evaluated


def compiled(score_fn: ScoreFn) -> ScoreFn:
    """``score_fn`` by ``torch.compile``: elementwise work fused into few kernels and, on a GPU, replayed as a graph.

    Every shape of a batch is compiled on its own, in a minute or so, and kept on disk by torch for the next process.
    The score is copied out, since a graph's next replay writes over what it gave.
    """
    # "reduce-overhead" is CUDA graphs; on a CPU it is as the default.
    compiled_fn = torch.compile(score_fn, mode="reduce-overhead", dynamic=False)

    def evaluated(x_t: Tensor, t: Tensor, y: Tensor) -> Tensor:
        torch.compiler.cudagraph_mark_step_begin()
        return compiled_fn(x_t, t, y).clone()

    return evaluated
