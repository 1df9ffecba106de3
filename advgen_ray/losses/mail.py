"""MAIL-TRADES: the divergence weighted by how close an attacked image is to being lost (Liu et al. 2021)."""

from collections.abc import Callable
from typing import Literal

import torch
from torch import Tensor, nn

from advgen_ray.attacks.objectives import largest_other
from advgen_ray.energy.decomposition import divergence
from advgen_ray.losses import InnerAttack, LossTerms
from advgen_ray.losses.pairs import (
    accuracies,
    attacked_by_divergence,
    cross_entropy_rows,
    energy_metrics,
    logits_of_pairs,
)

Scale = Literal["mean_one", "times_three"]
"""How the sigmoids become weights: divided by their mean over the batch (the paper), or times 3 (the released code)."""


def mail_trades_loss(
    model: nn.Module,
    x: Tensor,
    y: Tensor,
    attack: InnerAttack,
    *,
    beta: float,
    weighted: bool = True,
    slope: float = 5.0,
    bias: float = 0.0,
    scale: Scale = "mean_one",
    batch_mean: Callable[[Tensor], Tensor] = torch.mean,
) -> LossTerms:
    """Mean of ``CE(f(x), y) + beta w KL(p(.|x) || p(.|x_adv))`` with weights ``w`` of ``mail_weights``.

    Args:
        model: maps images ``[N, C, H, W]`` in [0, 1] to logits ``[N, K]``; called once, its mode is the caller's.
        x: natural images.
        y: labels ``[N]``, int64.
        attack: as in ``trades_loss``.
        beta: weight of the divergence, 5 in S001.
        weighted: False during burn-in (75 epochs in S001): all weights are 1, which is TRADES.
        slope: of the sigmoid; 5 is ours: S001 prints none, the released code has 1.
        bias: of the sigmoid; 0 is ours, the released code has -1.5.
        scale: see ``Scale``.
        batch_mean: the mean over the batch of a tensor of one value a row; over all workers' parts, if there are more.

    Returns:
        The loss, and as metrics those of ``trades_loss`` and ``probabilistic_margin``, a batch mean.
    """
    x_adv = attacked_by_divergence(attack, x)
    logits, logits_adv = logits_of_pairs(model, x, x_adv)
    margins = probabilistic_margin(logits_adv.detach(), y)
    weights = mail_weights(margins, slope, bias, scale, batch_mean) if weighted else torch.ones_like(margins)
    natural, kl = cross_entropy_rows(logits, y), divergence(logits, logits_adv)
    metrics = {
        **accuracies(logits, logits_adv, y),
        "natural_loss": natural.detach().mean(),
        "kl": kl.detach().mean(),
        "probabilistic_margin": margins.mean(),
        **energy_metrics(logits, logits_adv, y, natural + beta * kl, beta),
    }
    return LossTerms((natural + beta * weights * kl).mean(), metrics)


def probabilistic_margin(logits: Tensor, y: Tensor) -> Tensor:
    """``p(y|x) - max_{k != y} p(k|x)``, ``[N]`` in [-1, 1]; on attacked images the paper's PM_adv."""
    probabilities = torch.softmax(logits, dim=1)
    label = probabilities.gather(1, y[:, None]).squeeze(1)
    return label - largest_other(probabilities, y)


def mail_weights(
    margins: Tensor,
    slope: float,
    bias: float,
    scale: Scale = "mean_one",
    batch_mean: Callable[[Tensor], Tensor] = torch.mean,
) -> Tensor:
    """``sigmoid(-slope (PM - bias))``, scaled: images of small or negative margin weigh most. ``[N] -> [N]``."""
    weights = torch.sigmoid(-slope * (margins - bias))
    return 3 * weights if scale == "times_three" else weights / batch_mean(weights)
