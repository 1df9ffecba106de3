"""S004's attack on a generative classifier: raise one wrong class's logit after another, try the highest."""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from advgen_ray.attacks.forward import logits_of
from advgen_ray.attacks.labels import wrong_classes
from advgen_ray.attacks.live_rows import per_sample
from advgen_ray.attacks.objectives import class_logit
from advgen_ray.attacks.pgd import PGD


@dataclass(frozen=True)
class HighestLogit:
    """``delta* = argmax_k d_k(x + delta_k)``, each ``delta_k`` an ascent of ``d_k``, ``k != y`` (S004 3.47, 3.48).

    After Tramer et al. (2020): where the logits of classes come from networks of their own, their cross-entropy is a
    poor guide. Only one image is tried, that of the highest logit, which may leave the label's higher still; a suite
    with every target in turn tries them all, and is never weaker.

    Args:
        ascent: the ascent of each logit; S004's is from the image or from noise.
        num_targets: the likeliest wrong classes; as many as there are, if there are fewer.
    """

    ascent: PGD
    num_targets: int

    def __post_init__(self) -> None:
        if self.num_targets < 1:
            raise ValueError(f"num_targets must be at least 1, got {self.num_targets}")

    def __call__(self, model: nn.Module, x: Tensor, y: Tensor) -> Tensor:
        """``x_adv`` for images ``x`` ``[N, C, H, W]`` in [0, 1] with labels ``y`` ``[N]``; logits are ``[N, K]``."""
        targets = wrong_classes(logits_of(model, x), y)[:, : self.num_targets]
        best, value = x, torch.full((len(x),), -torch.inf, device=x.device)
        for y_target in targets.unbind(dim=1):
            objective = class_logit(y_target)
            found = self.ascent(model, x, objective)
            reached = objective(logits_of(model, found))
            higher = reached > value
            best = torch.where(per_sample(higher, x), found, best)
            value = torch.where(higher, reached, value)
        return best
