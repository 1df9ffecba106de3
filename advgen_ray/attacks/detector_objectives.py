"""What attacks on detection by one-vs-rest detectors ascend (S004 section 3.2.2): adaptive ones know the detectors.

Outputs are ``[z_f | z_H]``, ``[N, 2 K]``: the classifier's logits and those of the detector of each class
(``models.one_vs_rest.WithDetectors``). An input passes as clean where the detector of the predicted class, its logit,
is above a threshold. Labels ``y`` are ``[N]``, int64. Objectives rise where the dissertation's losses fall.
"""

import torch
from torch import Tensor

from advgen_ray.attacks.objectives import Objective, largest_other, margin

FOOLED = 1e4  # added where the classifier is fooled, so that of two iterates one that fools it is the better


def classifier_attack(y: Tensor) -> Objective:
    """``max_{i != y} z_f_i - z_f_y`` (equation 3.30): an adversary that does not know of the detectors."""

    def objective(outputs: Tensor) -> Tensor:
        z_f, _ = _apart(outputs)
        return margin(y)(z_f)

    return objective


def detector_attack(y: Tensor) -> Objective:
    """``max_{i != y} z_H_i`` (equation 3.32): the detector of some other class is to take it for its own."""

    def objective(outputs: Tensor) -> Tensor:
        _, z_h = _apart(outputs)
        return largest_other(z_h, y)

    return objective


def combined_attack(y: Tensor) -> Objective:
    """The margin until the classifier is fooled, from then on ``max_{i != y} z_H_i`` (equation 3.35).

    The two halves are not of one scale: what fools the classifier is ahead by a constant, which no gradient sees, so
    that the best iterate is one that fools it whenever there was one.
    """

    def objective(outputs: Tensor) -> Tensor:
        z_f, z_h = _apart(outputs)
        ahead = margin(y)(z_f)
        return torch.where(ahead <= 0, ahead, FOOLED + largest_other(z_h, y))

    return objective


def predicted_detector_attack(y: Tensor) -> Objective:
    """As ``combined_attack``, with the one logit that decides once the classifier is fooled: its prediction's.

    Ours. Equation 3.35 raises the detector of whichever class is easiest; that of another class than the classifier
    predicts lets nothing pass.
    """

    def objective(outputs: Tensor) -> Tensor:
        z_f, z_h = _apart(outputs)
        ahead = margin(y)(z_f)
        decides = z_h.gather(1, z_f.argmax(dim=1, keepdim=True))[:, 0]
        return torch.where(ahead <= 0, ahead, FOOLED + decides)

    return objective


def bypass_attack(y: Tensor) -> Objective:
    """Equation 3.34, after Carlini and Wagner (2017): a class K + 1 stands for "detected", and is to be left behind.

    ``max_{i != y} z_f_i - max_i z_g_i`` with ``z_g_{K+1} = (1 - max_{j != y} z_H_j) max_j z_f_j``. Negative while an
    input is the label's or detected, zero at best; the dissertation finds it to get stuck, and 3.35 to be stronger.
    """

    def objective(outputs: Tensor) -> Tensor:
        z_f, z_h = _apart(outputs)
        detected = (1 - largest_other(z_h, y)) * z_f.amax(dim=1)
        return largest_other(z_f, y) - torch.maximum(z_f.amax(dim=1), detected)

    return objective


def _apart(outputs: Tensor) -> tuple[Tensor, Tensor]:
    if outputs.dim() != 2 or outputs.shape[1] % 2 or outputs.shape[1] < 4:
        raise ValueError(f"expected logits of a classifier and as many detectors, [N, 2 K], got {list(outputs.shape)}")
    z_f, z_h = outputs.chunk(2, dim=1)
    return z_f, z_h
