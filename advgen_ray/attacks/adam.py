"""Adam's step, each pixel's moments its own, so that the other samples of a batch decide nothing."""

from torch import Tensor, lerp

BETAS, FLOOR = (0.9, 0.999), 1e-8


def adam_step(gradient: Tensor, first: Tensor, second: Tensor, step: int) -> tuple[Tensor, Tensor, Tensor]:
    """Direction, about 1 in a pixel whose sign stays, and both moments after ``step`` steps, the first being 1."""
    first, second = lerp(gradient, first, BETAS[0]), lerp(gradient.square(), second, BETAS[1])
    mean, spread = (m / (1 - beta**step) for m, beta in zip((first, second), BETAS, strict=True))
    return mean / (spread.sqrt() + FLOOR), first, second
