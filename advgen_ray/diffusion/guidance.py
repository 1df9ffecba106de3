"""Classifier-free guidance: a conditional score pushed away from the unconditional one."""

import torch
from torch import Tensor

from advgen_ray.diffusion import ScoreFn


def classifier_free_guidance(
    score_fn: ScoreFn, guidance_scale: float, null_label: int, guidance_until: float = 1.0
) -> ScoreFn:
    """``(w + 1) score(x_t, y) - w score(x_t, null)`` with ``w = guidance_scale`` (S000 equation 3, Ho and Salimans).

    Both branches run as one batch of 2N. At w = 0 the conditional score comes back exactly, for N evaluations; so it
    does at times above ``guidance_until`` (Kynkaanniemi et al. 2024: guidance is of use in an interval only). All
    images of a batch are at one time. Raises ValueError for a negative scale.
    """
    if not guidance_scale >= 0:
        raise ValueError(f"guidance_scale must be zero or positive, got {guidance_scale}; Yeats et al. use 15")
    if guidance_scale == 0:
        return score_fn

    def guided_score(x_t: Tensor, t: Tensor, y: Tensor) -> Tensor:
        if guidance_until < 1 and len(t) and t[0] > torch.tensor(guidance_until, dtype=t.dtype):  # .4 rounds as t does
            return score_fn(x_t, t, y)
        labels = torch.cat([y, torch.full_like(y, null_label)])
        both = score_fn(torch.cat([x_t, x_t]), torch.cat([t, t]), labels)
        conditional, unconditional = both.chunk(2)
        return torch.lerp(unconditional, conditional, guidance_scale + 1)

    return guided_score
