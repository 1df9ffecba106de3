"""Restoration by gradient ascent of a model's logit (S004 section 2.5.3): the number of steps is its strength."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from advgen_ray.attacks.inside import Inside
from advgen_ray.attacks.objectives import class_logit
from advgen_ray.attacks.pgd import PGD
from advgen_ray.attacks.threat_model import ThreatModel


def restore(
    model: nn.Module,
    degraded: Tensor,
    y: Tensor,
    *,
    steps: Sequence[int],
    step_size: float,
    threat_model: ThreatModel,
    mask: Tensor | None = None,
) -> Tensor:
    """What ``degraded`` ``[N, C, H, W]`` in [0, 1] becomes on its way up the logit of ``y`` ``[N]``.

    Args:
        model: gives logits ``[N, K]``; of a binary model, ``[N, 1]``, the class is 0.
        degraded: where the ascent sets out; it is deterministic.
        y: the class whose logit rises.
        steps: after how many steps to look, each at least 1.
        step_size: length of a step in the threat model's norm, [0, 1] pixel units.
        threat_model: how far from ``degraded`` it may go.
        mask: where pixels may change, bool ``[N, 1, H, W]``; None: everywhere.

    Returns:
        ``[len(steps), N, C, H, W]``: the iterates of one path, in the order asked.

    Raises:
        ValueError: no steps, or one below 1; and as ``PGD`` does.
    """
    if not steps or min(steps) < 1:
        raise ValueError(f"steps: expected numbers of at least 1, got {list(steps)}")
    wanted = set(steps)
    seen: dict[int, Tensor] = {}

    def look(step: int, x: Tensor) -> None:
        if step in wanted:
            seen[step] = x.detach().clone()

    limits = threat_model if mask is None else Inside(threat_model, mask)
    PGD(limits, max(steps), step_size)(model, degraded, class_logit(y), on_step=look)
    return torch.stack([seen[step] for step in steps])
