"""What a counterfactual costs, counted: its sampler is walked once, on one pixel, with a network that does nothing."""

import torch
from torch import Tensor

from advgen_ray.config import GenerateConfig
from advgen_ray.counterfactuals.generate import generate
from advgen_ray.diffusion.vp_sde import VPSDE
from advgen_ray.distributed.ce_generators import COMBINATIONS, NEIGHBORHOODS, SAMPLERS, times_of
from advgen_ray.rng import Stream


def network_evaluations(config: GenerateConfig) -> int:
    """How many images the network is given for one counterfactual: two a step under guidance.

    Steps lie as under the default SDE; another one could move the count only where guidance ends between log-SNR times.
    """
    given = 0

    def score_fn(x_t: Tensor, t: Tensor, y: Tensor) -> Tensor:
        nonlocal given
        given += len(x_t)
        return torch.zeros_like(x_t)

    sde = VPSDE()
    generate(
        score_fn,
        torch.zeros(1, 1, 1, 1),
        torch.zeros(1, dtype=torch.int64),
        ["pixel"],
        stream=Stream(0, "counterfactual"),
        sde=sde,
        sampler=SAMPLERS[config.sampler.kind][0],
        times=times_of(config.sampler, sde),
        neighborhood=NEIGHBORHOODS[config.neighborhood.kind],
        sigma_ce=config.neighborhood.sigma_ce,
        combine=COMBINATIONS[config.combination],
        guidance_scale=config.guidance_scale,
        null_label=1,
        guidance_until=config.guidance_until,
        network_every=config.sampler.network_every,
    )
    return given
