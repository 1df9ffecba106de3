"""When an input passes detection as a class that it is not, and by how much: what least distortion is measured to.

Outputs are ``[z_f | z_H]``, ``[N, 2 K]`` (``models.one_vs_rest.WithDetectors``) for integrated detection, where the
classifier chooses the class and its detector decides, and ``z_H`` alone, ``[N, K]``, for generative detection, where
the detectors choose it too (S004 sections 3.2.1, 3.2.2).
"""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from advgen_ray.attacks.detector_objectives import FOOLED


@dataclass(frozen=True)
class Passing:
    """What counts: to be taken for a class of ``allowed``, by a detector whose logit is at least ``threshold``.

    Args:
        allowed: bool ``[N, K]``, or ``[1, K]`` for all: one target, or all classes but the label.
        threshold: T, in logits.
        integrated: whether outputs hold a classifier's logits before the detectors'.
    """

    allowed: Tensor
    threshold: float
    integrated: bool

    def passes(self, outputs: Tensor) -> Tensor:
        """Whether each input passes, bool ``[N]``; a tie between classes does not."""
        z_choice, z_h = self._apart(outputs)
        return ((leads(z_choice) > 0) & (z_h >= self.threshold) & self.allowed).any(dim=1)

    def margin(self, outputs: Tensor) -> Tensor:
        """``max_{t allowed} min(lead of t, z_H_t - T)``, ``[N]``: above zero exactly where an input passes.

        It is zero for an input at the threshold itself, which passes: there the smallest number is added.
        """
        z_choice, z_h = self._apart(outputs)
        margin = self._best(torch.minimum(leads(z_choice), z_h - self.threshold))
        return torch.where(self.passes(outputs) & (margin == 0), margin + torch.finfo(margin.dtype).tiny, margin)

    def objective(self, outputs: Tensor) -> Tensor:
        """What the dissertation ascends, ``[N]``: the allowed logit of the detectors (equation 3.32).

        Integrated: the lead of an allowed class until the classifier takes the input for one, then the logit of that
        class's detector (equation 3.35, with the one logit that decides).
        """
        z_choice, z_h = self._apart(outputs)
        if not self.integrated:
            return self._best(z_h)
        ahead = self._best(leads(z_choice))
        decides = z_h.gather(1, z_choice.argmax(dim=1, keepdim=True))[:, 0]
        return torch.where(ahead <= 0, ahead, FOOLED + decides)

    def _best(self, values: Tensor) -> Tensor:
        return values.masked_fill(~self.allowed, -torch.inf).amax(dim=1)

    def _apart(self, outputs: Tensor) -> tuple[Tensor, Tensor]:
        num_classes = self.allowed.shape[1]
        if outputs.dim() != 2 or outputs.shape[1] != num_classes * (1 + self.integrated):
            wanted = "of a classifier and as many detectors" if self.integrated else "of detectors"
            raise ValueError(f"expected logits {wanted} of {num_classes} classes, got {list(outputs.shape)}")
        z_choice, z_h = outputs[:, :num_classes], outputs[:, -num_classes:]
        return z_choice, z_h


class TwoClasses(nn.Module):
    """``[N, C, H, W] -> [N, 2]``: class 1 where an input passes, class 0 where it does not, logits ``[0, margin]``.

    With it the attacks that look for the nearest misclassified image (``fab``, ``cw``) look for the nearest that
    passes. ``passing.allowed`` must be ``[1, K]``: an attack may take its images apart and in any order.
    """

    def __init__(self, model: nn.Module, passing: Passing) -> None:
        super().__init__()
        if len(passing.allowed) != 1:
            raise ValueError(f"expected the classes allowed to all images, [1, K], got {list(passing.allowed.shape)}")
        self.model, self.passing = model, passing

    def forward(self, x: Tensor) -> Tensor:
        """Logits ``[N, 2]``."""
        margin = self.passing.margin(self.model(x))
        return torch.stack([torch.zeros_like(margin), margin], dim=1)


def leads(logits: Tensor) -> Tensor:
    """By how much each class is ahead of the best other one, ``[N, K]``: above zero for the prediction alone."""
    top = logits.topk(2, dim=1)
    is_first = torch.zeros_like(logits, dtype=torch.bool).scatter(1, top.indices[:, :1], True)
    return logits - torch.where(is_first, top.values[:, 1:], top.values[:, :1])


def only(y_target: Tensor, num_classes: int) -> Tensor:
    """Each one's target and no other, bool ``[N, K]``."""
    return torch.zeros(len(y_target), num_classes, dtype=torch.bool, device=y_target.device).scatter(
        1, y_target[:, None], True
    )


def any_but(y: Tensor, num_classes: int) -> Tensor:
    """All classes but each one's label, bool ``[N, K]``."""
    return ~only(y, num_classes)


def threshold_at(logits: Tensor, tpr: float) -> float:
    """The highest threshold that at least the share ``tpr`` of ``logits`` ``[N]`` reaches."""
    if not 0 < tpr <= 1:
        raise ValueError(f"tpr must lie in (0, 1], got {tpr}")
    falling = logits.sort(descending=True).values
    needed = -(-round(tpr * len(falling) * 1e9) // 10**9)  # rounded up, but for the rounding of the product itself
    return float(falling[max(needed, 1) - 1])
