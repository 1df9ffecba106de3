"""What an attack ascends: functions of a model's outputs, one value a sample, closing over the labels.

``energy.logits.energy_x`` is an objective as it stands: it needs no label.
"""

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional

from advgen_ray.energy.logits import energy_xy

Objective = Callable[[Tensor], Tensor]
"""``objective(outputs) -> [N]``; sample i's value depends on row i of the outputs only."""

BoundAttack = Callable[[Tensor, Objective], Tensor]
"""``attack(x, objective) -> x_adv``: an attack that already holds its model."""


def cross_entropy(y: Tensor) -> Objective:
    """``CE(f(x), y)``: rises as the label ``y`` ``[N]`` (int64) becomes less probable (untargeted)."""

    def objective(logits: Tensor) -> Tensor:
        return functional.cross_entropy(logits, y, reduction="none")

    return objective


def targeted_cross_entropy(y_target: Tensor) -> Objective:
    """``-CE(f(x), y_target)``: rises as the class ``y_target`` ``[N]`` (int64) becomes more probable."""

    def objective(logits: Tensor) -> Tensor:
        return -functional.cross_entropy(logits, y_target, reduction="none")

    return objective


def margin(y: Tensor) -> Objective:
    """``max_{k != y} f(x)[k] - f(x)[y]``: positive exactly where ``y`` ``[N]`` is not the prediction.

    The margin of Carlini and Wagner (2017) without their confidence constant. The label is masked by minus
    infinity: a finite mask would win where all other logits lie below it. Raises ValueError for one class.
    """

    def objective(logits: Tensor) -> Tensor:
        if logits.shape[1] < 2:
            raise ValueError(f"a margin needs at least 2 classes, got logits of shape {list(logits.shape)}")
        label_logit = -energy_xy(logits, y)
        return logits.scatter(1, y[:, None], -torch.inf).amax(dim=1) - label_logit

    return objective
