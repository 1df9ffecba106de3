"""MART: images that the model gets wrong without an attack weigh more (Wang et al. 2020)."""

from typing import Literal

import torch
from torch import Tensor, nn

from advgen_ray.attacks.objectives import BoundAttack, cross_entropy
from advgen_ray.energy.decomposition import divergence
from advgen_ray.losses import LossTerms
from advgen_ray.losses.pairs import accuracies, cross_entropy_rows, logits_of_pairs

Constants = Literal["none", "released"]
"""``released``: 1.0001 and 1.0000001 in place of two ones, as in the authors' code; the first bounds a term by 9.2."""


def mart_loss(
    model: nn.Module, x: Tensor, y: Tensor, attack: BoundAttack, *, beta: float, constants: Constants = "none"
) -> LossTerms:
    """Mean of ``BCE(f(x_adv), y) + beta KL(p(.|x) || p(.|x_adv)) (1 - p(y|x))``, ``x_adv`` from cross-entropy.

    ``BCE`` is ``-log p(y|x_adv) - log(1 - max_{k != y} p(k|x_adv))``. The weight ``1 - p(y|x)`` carries gradient.

    Args:
        model: maps images ``[N, C, H, W]`` in [0, 1] to logits ``[N, K]``; called once, its mode is the caller's.
        x: natural images.
        y: labels ``[N]``, int64.
        attack: the inner maximisation, of cross-entropy.
        beta: the paper's lambda.
        constants: see ``Constants``.

    Returns:
        The loss, and as metrics ``train_accuracy`` (of the attacked images), ``train_clean_accuracy``,
        ``boosted_loss`` and ``weighted_kl``.
    """
    x_adv = attack(x, cross_entropy(y))
    logits, logits_adv = logits_of_pairs(model, x, x_adv)
    boosted = cross_entropy_rows(logits_adv, y) - _log_not_best_wrong(logits_adv, y, constants)
    # 1 - p without cancellation: exp of the log of what all other classes hold.
    not_label = torch.exp(_log_share_without(logits, y)) + (1e-7 if constants == "released" else 0.0)
    weighted = divergence(logits, logits_adv) * not_label
    metrics = {
        **accuracies(logits, logits_adv, y),
        "boosted_loss": boosted.detach().mean(),
        "weighted_kl": weighted.detach().mean(),
    }
    return LossTerms((boosted + beta * weighted).mean(), metrics)


def _log_not_best_wrong(logits: Tensor, y: Tensor, constants: Constants) -> Tensor:
    """``log(1 - max_{k != y} p(k|x))``, ``[N]``, finite however sure the model is of the wrong class."""
    best_wrong = logits.detach().scatter(1, y[:, None], -torch.inf).argmax(dim=1)
    if constants == "released":
        return torch.log(1.0001 - torch.softmax(logits, dim=1).gather(1, best_wrong[:, None]).squeeze(1))
    return _log_share_without(logits, best_wrong)


def _log_share_without(logits: Tensor, k: Tensor) -> Tensor:
    """``log(1 - p(k|x))`` for one class a row, as a difference of logsumexps."""
    return logits.scatter(1, k[:, None], -torch.inf).logsumexp(dim=1) - logits.logsumexp(dim=1)
