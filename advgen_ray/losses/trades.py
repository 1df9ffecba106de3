"""TRADES: accuracy on natural images against a divergence from them (Zhang et al. 2019; S001 equation 1)."""

from torch import Tensor, nn

from advgen_ray.energy.decomposition import divergence
from advgen_ray.losses import InnerAttack, LossTerms
from advgen_ray.losses.pairs import (
    accuracies,
    attacked_by_divergence,
    cross_entropy_rows,
    energy_metrics,
    logits_of_pairs,
)


def trades_loss(model: nn.Module, x: Tensor, y: Tensor, attack: InnerAttack, *, beta: float) -> LossTerms:
    """Mean of ``CE(f(x), y) + beta KL(p(.|x) || p(.|x_adv))``, ``x_adv`` from maximizing the divergence.

    Both sides of the divergence carry gradients. S001 takes ``beta`` 6.

    Args:
        model: maps images ``[N, C, H, W]`` in [0, 1] to logits ``[N, K]``; called once, its mode is the caller's.
        x: natural images.
        y: labels ``[N]``, int64.
        attack: the inner maximisation; it should start at noise, since the divergence is flat at ``x``.
        beta: weight of the divergence; the papers of MART and MAIL call it lambda or beta.

    Returns:
        The loss, and as metrics ``train_accuracy`` (of the attacked images), ``train_clean_accuracy``,
        ``natural_loss``, ``kl`` and the energies of ``energy_metrics``.
    """
    x_adv = attacked_by_divergence(attack, x)
    logits, logits_adv = logits_of_pairs(model, x, x_adv)
    natural, kl = cross_entropy_rows(logits, y), divergence(logits, logits_adv)
    rows = natural + beta * kl
    metrics = {
        **accuracies(logits, logits_adv, y),
        "natural_loss": natural.detach().mean(),
        "kl": kl.detach().mean(),
        **energy_metrics(logits, logits_adv, y, rows, beta),
    }
    return LossTerms(rows.mean(), metrics)
