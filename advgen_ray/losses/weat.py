"""Weighted Energy Adversarial Training: images of high energy weigh more (S001 section A.6, algorithm 1)."""

from torch import Tensor, nn
from torch.nn import functional

from advgen_ray.energy.decomposition import divergence
from advgen_ray.energy.logits import energy_x
from advgen_ray.losses import InnerAttack, LossTerms
from advgen_ray.losses.pairs import (
    accuracies,
    attacked_by_divergence,
    cross_entropy_rows,
    energy_metrics,
    logits_of_pairs,
)


def weat_adv_loss(model: nn.Module, x: Tensor, y: Tensor, attack: InnerAttack, *, beta: float) -> LossTerms:
    """Mean of ``w(x) (CE(f(x_adv), y) + beta KL(p(.|x) || p(.|x_adv)))``; ``beta`` 6, for CIFAR-100 7."""
    return _weat_loss(model, x, y, attack, beta, natural=False)


def weat_nat_loss(model: nn.Module, x: Tensor, y: Tensor, attack: InnerAttack, *, beta: float) -> LossTerms:
    """Mean of ``w(x) (CE(f(x), y) + beta KL(p(.|x) || p(.|x_adv)))``, TRADES weighted row by row; ``beta`` 6."""
    return _weat_loss(model, x, y, attack, beta, natural=True)


def weat_weights(logits: Tensor) -> Tensor:
    """``1 / log(1 + exp(|E(x)|))`` (S001 equation 7), ``[N, K] -> [N]``, without gradient.

    At most 1 / log 2 = 1.4427, at energy 0. softplus keeps it positive where exp overflows (from |E| = 88 in float32).
    """
    return 1 / functional.softplus(energy_x(logits.detach()).abs())


def _weat_loss(model: nn.Module, x: Tensor, y: Tensor, attack: InnerAttack, beta: float, *, natural: bool) -> LossTerms:
    """Arguments as in ``trades_loss``; adds the metric ``energy_weight``, a batch mean."""
    x_adv = attacked_by_divergence(attack, x)
    logits, logits_adv = logits_of_pairs(model, x, x_adv)
    weights = weat_weights(logits)
    natural_loss, kl = cross_entropy_rows(logits, y), divergence(logits, logits_adv)
    cross_entropy = natural_loss if natural else cross_entropy_rows(logits_adv, y)
    metrics = {
        **accuracies(logits, logits_adv, y),
        "natural_loss": natural_loss.detach().mean(),
        "kl": kl.detach().mean(),
        "energy_weight": weights.mean(),
        **energy_metrics(logits, logits_adv, y, natural_loss + beta * kl, beta),
    }
    return LossTerms((weights * (cross_entropy + beta * kl)).mean(), metrics)
