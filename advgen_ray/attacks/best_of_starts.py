"""The best that an ascent finds for each sample, over the sample itself and every start tried."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn

from advgen_ray.attacks.apgd import APGD
from advgen_ray.attacks.eval_mode import eval_mode
from advgen_ray.attacks.forward import forward
from advgen_ray.attacks.live_rows import per_sample
from advgen_ray.attacks.objectives import Objective
from advgen_ray.attacks.pgd import PGD
from advgen_ray.rng import StartNoise

Attack = Callable[[StartNoise | None], PGD | APGD]
"""``attack(start_noise)``: the ascent, which keeps its best iterate, from the noise or, for None, from the image."""


class Best(NamedTuple):
    """Images ``[N, C, H, W]``, their objective ``[N]`` and where each was found ``[N]``: 0 as it was, k start k."""

    x: Tensor
    value: Tensor
    found_from: Tensor


def best_of_starts(
    model: nn.Module, x: Tensor, attack: Attack, start_noises: Sequence[StartNoise | None], objective: Objective
) -> Best:
    """The highest objective of each sample ``x`` ``[N, C, H, W]``: as it is, and after an ascent from each start.

    A detector that learnt to spot an attack's start looks perfect under it, and fails on clean samples: so no one
    start, and not the last iterate, decides. Sample by sample, never by means over samples: an attack that works on
    some and another that works on the others work on both. Of equal ones the first. Raises ValueError for a PGD that
    does not keep its best iterate.
    """
    best, found_from = x, torch.zeros(len(x), dtype=torch.int64, device=x.device)
    with eval_mode(model), torch.no_grad():
        value = objective(forward(model, x))
        for number, start_noise in enumerate(start_noises, start=1):
            ascent = attack(start_noise)
            if isinstance(ascent, PGD) and not ascent.keep_best:
                raise ValueError("the attack must keep its best iterate: build it with keep_best=True")
            found = ascent(model, x, objective)
            reached = objective(forward(model, found))
            higher = reached > value
            best = torch.where(per_sample(higher, x), found, best)
            value = torch.where(higher, reached, value)
            found_from = torch.where(higher, number, found_from)
    return Best(best, value, found_from)
