"""Noisy images that a detector should let pass: as far from the natural ones as the attacked are."""

from collections.abc import Sequence

from torch import Tensor

from advgen_ray.attacks.live_rows import per_sample
from advgen_ray.rng import Stream


def as_much_noise(x_adv: Tensor, x: Tensor, image_ids: Sequence[str], stream: Stream) -> Tensor:
    """``x`` with Gaussian noise of the L2 norm of the attack on each (Feinman et al. 2017 section 4)."""
    noise = stream.normal(image_ids, x.shape[1:]).to(x.device)
    size = (x_adv - x).flatten(1).norm(dim=1) / noise.flatten(1).norm(dim=1)
    return (x + per_sample(size, x) * noise).clamp(0, 1)
