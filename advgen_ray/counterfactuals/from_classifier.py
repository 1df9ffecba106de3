"""Counterfactuals that a classifier makes of an image by its own gradients (S000, appendix 7); no diffusion model."""

import torch
from torch import Tensor, nn

from advgen_ray.attacks.objectives import Until, targeted_cross_entropy
from advgen_ray.attacks.pgd import PGD
from advgen_ray.attacks.threat_model import Unconstrained


def targeted_ascent(
    classifier: nn.Module,
    x: Tensor,
    y_target: Tensor,
    *,
    step_size: float = 0.05,
    confidence: float = 0.9,
    max_steps: int = 200,
) -> Tensor:
    """Push each image towards its target until the classifier is confident of it; ``x_ce [N, C, H, W]`` in [0, 1].

    Steps of L2 length ``step_size`` up the target's log probability, clipped to [0, 1] after each, end at the first
    image whose target has a softmax of ``confidence``, or after ``max_steps``. An image that the classifier takes for
    its target already comes back as it is, as the distances of 0.00 in S000 figures 10 and 11 show; where the gradient
    vanishes it stays where it is. Raises ValueError for a confidence outside (0, 1] and as ``PGD`` does.
    """
    attack = PGD(Unconstrained(), num_steps=max_steps, step_size=step_size)
    return attack(classifier, x, targeted_cross_entropy(y_target), until=confident(y_target, confidence))


def confident(y: Tensor, confidence: float) -> Until:
    """Whether the softmax of ``y`` is at least ``confidence``, a share in (0, 1]."""
    if not 0 < confidence <= 1:
        raise ValueError(f"confidence must lie in (0, 1], got {confidence}; Yeats et al. stop at 0.9")

    def until(logits: Tensor) -> Tensor:
        return torch.softmax(logits, dim=1).gather(1, y[:, None]).squeeze(1) >= confidence

    return until
