"""Binary adversarial training: data against perturbed out-of-distribution samples (S004 section 2.4, algorithm 1)."""

import torch
from torch import Tensor, nn
from torch.nn import functional

from advgen_ray.attacks.objectives import BoundAttack, logit
from advgen_ray.losses import LossTerms


def binary_at_loss(model: nn.Module, x: Tensor, x_out: Tensor, attack: BoundAttack | None) -> LossTerms:
    """``-E[log D(x)] - E[log(1 - D(x_adv))]`` with ``D = sigmoid(f)``: minus S004 equation 2.11.

    At the solution of proposition 1 it is log 4. Finite for logits of any size.

    Args:
        model: maps images ``[N, ...]`` in [0, 1] to logits ``[N, 1]``; forwarded once, and its mode is the caller's.
            S004's code keeps batch norm in evaluation mode.
        x: data ``[N, ...]`` in [0, 1], not perturbed.
        x_out: samples of p0 ``[M, ...]`` in [0, 1], where the ascent of the logit starts.
        attack: ``attack(x, objective) -> x_adv``, bound to the bare module; None takes ``x_out`` as it is, which
            fits D to samples that something else moves (S004 algorithm 2, step 3).

    Returns:
        The loss, and as metrics ``data_probability`` and ``out_probability``: the means of D on both sides.
    """
    x_adv = x_out if attack is None else attack(x_out, logit)
    f_data, f_out = logit(model(torch.cat([x, x_adv]))).split([len(x), len(x_adv)])
    loss = functional.softplus(-f_data).mean() + functional.softplus(f_out).mean()
    metrics = {"data_probability": f_data, "out_probability": f_out}
    return LossTerms(loss, {name: f.detach().sigmoid().mean() for name, f in metrics.items()})
