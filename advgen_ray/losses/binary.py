"""Binary adversarial training: data against perturbed out-of-distribution samples (S004 section 2.4, algorithm 1)."""

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from advgen_ray.attacks.objectives import BoundAttack, logit, minus_logit

Contrast = Callable[[Tensor, Tensor], tuple[Tensor, Tensor]]
"""``contrast(f_data [N], f_out [M]) -> what each logit of the data and of the samples costs``."""


class BinaryTerms(NamedTuple):
    """As ``LossTerms``, with the logits of D on both sides, detached, from which the attack is paced."""

    loss: Tensor
    metrics: dict[str, Tensor]
    f_data: Tensor
    f_out: Tensor


def log_likelihood(f_data: Tensor, f_out: Tensor) -> tuple[Tensor, Tensor]:
    """``-log D(x)`` and ``-log(1 - D(x*))``: minus S004 equation 2.11; flat where D is sure, hence stable."""
    return functional.softplus(-f_data), functional.softplus(f_out)


def energy_difference(f_data: Tensor, f_out: Tensor) -> tuple[Tensor, Tensor]:
    """``-f(x)`` and ``f(x*)``: an EBM's maximum likelihood (S004 equation 2.2); unbounded, it diverges (2.5.6)."""
    return -f_data, f_out


def binary_at_loss(
    model: nn.Module,
    x: Tensor,
    x_out: Tensor,
    attack: BoundAttack | None,
    *,
    data_attack: BoundAttack | None = None,
    contrast: Contrast = log_likelihood,
    r1: float = 0.0,
    shares: tuple[float, float] = (1.0, 1.0),
) -> BinaryTerms:
    """``-E[log D(x)] - E[log(1 - D(x_adv))]`` with ``D = sigmoid(f)``, and ``r1 / 2 E|grad_x f(x)|^2``.

    At the solution of proposition 1 it is log 4. Finite for logits of any size.

    Args:
        model: maps images ``[N, ...]`` in [0, 1] to logits ``[N, 1]``; forwarded once, and its mode is the caller's.
            S004's code keeps batch norm in evaluation mode.
        x: data ``[N, ...]`` in [0, 1].
        x_out: samples of p0 ``[M, ...]`` in [0, 1], where the ascent of the logit starts.
        attack: ``attack(x, objective) -> x_adv``, bound to the bare module; None takes ``x_out`` as it is, which
            fits D to samples that something else moves (S004 algorithm 2, step 3).
        data_attack: descends the logit on the data (combined AT, S004 section 3.3.2); None leaves them as they are.
        contrast: ``log_likelihood`` or ``energy_difference``.
        r1: weight of the gradient penalty on the data as they are fed (Mescheder et al. 2018).
        shares: factors of the means over data and over samples: a worker's parts of both batches may be unequal.

    Returns:
        The loss, and as metrics ``data_probability`` and ``out_probability``: the means of D on both sides.
    """
    x_adv = x_out if attack is None else attack(x_out, logit)
    x = x if data_attack is None else data_attack(x, minus_logit)
    x = x.detach().requires_grad_(r1 > 0)
    f_data, f_out = logit(model(torch.cat([x, x_adv]))).split([len(x), len(x_adv)])
    costs = contrast(f_data, f_out)
    loss = shares[0] * costs[0].mean() + shares[1] * costs[1].mean()
    if r1 > 0:
        (gradient,) = torch.autograd.grad(f_data.sum(), x, create_graph=True)
        loss = loss + shares[0] * r1 / 2 * gradient.flatten(1).square().sum(1).mean()
    f_data, f_out = f_data.detach(), f_out.detach()
    metrics = {
        "data_probability": shares[0] * f_data.sigmoid().mean(),
        "out_probability": shares[1] * f_out.sigmoid().mean(),
    }
    return BinaryTerms(loss, metrics, f_data, f_out)
