"""How data-like a detector can be made to call a sample: the worst over the sample itself and every start tried."""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn

from advgen_ray.attacks.eval_mode import eval_mode
from advgen_ray.attacks.objectives import Objective, logit
from advgen_ray.attacks.pgd import PGD

Attack = Callable[[Callable[[Tensor], Tensor] | None], PGD]
"""``attack(start_noise)``: PGD that keeps its best iterate, from the noise given or, for None, from the image."""


def worst_logit(
    model: nn.Module,
    x: Tensor,
    attack: Attack,
    start_noises: Sequence[Callable[[Tensor], Tensor] | None],
    objective: Objective = logit,
) -> Tensor:
    """Highest objective ``[N]`` of each sample ``x`` ``[N, C, H, W]``: as it is, and after an ascent from each start.

    A detector that learnt to spot an attack's start looks perfect under it, and fails on clean samples: so no one
    start, and not the last iterate, decides. Raises ValueError for an attack that does not keep its best iterate.
    """
    with eval_mode(model), torch.no_grad():
        worst = objective(model(x))
        for start_noise in start_noises:
            ascent = attack(start_noise)
            if not ascent.keep_best:
                raise ValueError("the attack must keep its best iterate: build it with keep_best=True")
            worst = torch.maximum(worst, objective(model(ascent(model, x, objective))))
    return worst
