"""TRADES read as energies (S001 section A.5): its divergence splits into a conditional and a marginal part.

Both identities hold because ``log p(k|x) = E(x) - E(x, k)``. All functions take logits ``[N, K]`` of natural and of
attacked images, row by row, and give ``[N]``.
"""

from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional

from advgen_ray.energy.logits import energy_x, energy_xy


class DivergenceTerms(NamedTuple):
    """The parts of ``KL(p(.|x) || p(.|x_adv))``, each ``[N]``; only their sum is zero or positive."""

    conditional: Tensor
    marginal: Tensor


def divergence(logits: Tensor, logits_adv: Tensor) -> Tensor:
    """``KL(p(.|x) || p(.|x_adv))``, differentiable in both; finite for any finite logits."""
    log_p, log_p_adv = functional.log_softmax(logits, dim=1), functional.log_softmax(logits_adv, dim=1)
    return functional.kl_div(log_p_adv, log_p, reduction="none", log_target=True).sum(dim=1)


def divergence_terms(logits: Tensor, logits_adv: Tensor) -> DivergenceTerms:
    """Proposition 1: ``E_{k ~ p(.|x)}[E(x_adv, k) - E(x, k)]`` and ``E(x) - E(x_adv)``."""
    expected = (torch.softmax(logits, dim=1) * (logits - logits_adv)).sum(dim=1)
    return DivergenceTerms(expected, energy_x(logits) - energy_x(logits_adv))


def trades_as_energies(logits: Tensor, logits_adv: Tensor, y: Tensor, beta: float) -> Tensor:
    """Corollary 1 (S001 equation 5), equal to ``CE(f(x), y) + beta KL(p(.|x) || p(.|x_adv))``.

    ``E(x, y) + (beta - 1) E(x) - beta (E(x_adv) + E_{k ~ p(.|x)}[E(x, k) - E(x_adv, k)])``, labels ``y`` int64.
    """
    conditional = divergence_terms(logits, logits_adv).conditional
    return energy_xy(logits, y) + (beta - 1) * energy_x(logits) - beta * (energy_x(logits_adv) - conditional)
