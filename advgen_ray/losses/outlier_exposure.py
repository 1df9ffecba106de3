"""Outlier exposure: a classifier that is told of images of no class (Hendrycks et al. 2019), attacked or as they are.

With outliers that an attack makes confident in a ball, and data that one makes wrong, it is the loss of RATIO
(Augustin et al. 2020), which S004 table 3.12 stands beside its own.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional

from advgen_ray.attacks.objectives import BoundAttack, cross_entropy
from advgen_ray.losses import LossTerms


def uniform_cross_entropy(logits: Tensor) -> Tensor:
    """``CE(f(x), uniform) = logsumexp f(x) - mean f(x)``, ``[N, K] -> [N]``; at least log K, and that where p is flat.

    As an objective it makes outliers confident: it differs from KL(uniform || p) by log K.
    """
    return logits.logsumexp(dim=1) - logits.mean(dim=1)


def outlier_exposure_loss(
    model: nn.Module,
    x: Tensor,
    y: Tensor,
    x_out: Tensor,
    attack: BoundAttack | None,
    out_attack: BoundAttack | None = None,
    *,
    weight: float = 0.5,
) -> LossTerms:
    """``CE(f(x), y) + weight CE(f(x_out), uniform)``, means over each side (Hendrycks et al. 2019 section 4.3: .5).

    Args:
        model: maps images ``[N, C, H, W]`` in [0, 1] to logits ``[N, K]``; forwarded once on both sides together, as in
            the authors' code, so that batch norm sees them as one batch.
        x: the data ``[N, C, H, W]``, of labels ``y`` ``[N]``.
        x_out: outliers ``[M, C, H, W]``, of no class.
        attack: on the cross-entropy of the data, bound to the bare module; None trains on ``x``.
        out_attack: on ``uniform_cross_entropy`` of the outliers, likewise.
        weight: lambda; a worker whose parts of both batches are unequal scales it by the ratio of its shares.

    Returns:
        The loss, and as metrics ``train_accuracy`` of the data as trained on and ``outlier_confidence``, the mean
        largest probability of the outliers.
    """
    x_train = x if attack is None else attack(x, cross_entropy(y))
    x_outliers = x_out if out_attack is None else out_attack(x_out, uniform_cross_entropy)
    logits, logits_out = model(torch.cat([x_train, x_outliers])).split([len(x), len(x_out)])
    loss = functional.cross_entropy(logits, y) + weight * uniform_cross_entropy(logits_out).mean()
    metrics = {
        "train_accuracy": (logits.detach().argmax(dim=1) == y).float().mean(),
        "outlier_confidence": logits_out.detach().softmax(dim=1).amax(dim=1).mean(),
    }
    return LossTerms(loss, metrics)
