"""What an attack ascends: functions of a model's outputs, one value a sample, closing over the labels.

``energy.logits.energy_x`` is an objective as it stands: it needs no label. Labels are ``[N]``, int64.
"""

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional

from advgen_ray.energy.decomposition import divergence
from advgen_ray.energy.logits import energy_x, energy_xy

Objective = Callable[[Tensor], Tensor]
"""``objective(outputs) -> [N]``; sample i's value depends on row i of the outputs only."""

Until = Callable[[Tensor], Tensor]
"""``until(outputs) -> bool [N]``: an attack drops a sample as soon as this holds at one of its iterates."""

BoundAttack = Callable[[Tensor, Objective], Tensor]
"""``attack(x, objective) -> x_adv``: an attack that already holds its model."""

TINY = 1e-12  # AutoAttack's: keeps the difference of logits ratio finite where the leading logits are equal


def logit(outputs: Tensor) -> Tensor:
    """The logit of a binary classifier, ``[N, 1] -> [N]``: rises as a sample looks more like data (S004 equation 2.7).

    With ``Unconstrained`` PGD on it is binary AT's ascent. Raises ValueError for more than one output.
    """
    if outputs.dim() != 2 or outputs.shape[1] != 1:
        raise ValueError(f"expected one logit a sample, [N, 1], got outputs of shape {list(outputs.shape)}")
    return outputs[:, 0]


def minus_logit(outputs: Tensor) -> Tensor:
    """``-logit``: rises as a sample looks less like data, which is what attacks on the data ascend (S004 3.3.2)."""
    return -logit(outputs)


def class_logit(y_target: Tensor) -> Objective:
    """``f(x)[y_target]``: rises as the class looks likelier, whatever becomes of the others (S004 section 3.2.3).

    What synthesis ascends on any model: of a classifier or of detectors the logit of the class, of a binary model the
    only one there is, that of class 0.
    """

    def objective(logits: Tensor) -> Tensor:
        return -energy_xy(logits, y_target)

    return objective


def misclassified(y: Tensor) -> Until:
    """Whether ``y`` is not the prediction: the usual end of an attack on a classifier."""

    def until(logits: Tensor) -> Tensor:
        return logits.argmax(dim=1) != y

    return until


def cross_entropy(y: Tensor) -> Objective:
    """``CE(f(x), y)``: rises as the label ``y`` becomes less probable (untargeted)."""

    def objective(logits: Tensor) -> Tensor:
        return functional.cross_entropy(logits, y, reduction="none")

    return objective


def targeted_cross_entropy(y_target: Tensor) -> Objective:
    """``-CE(f(x), y_target)``: rises as the class ``y_target`` becomes more probable."""

    def objective(logits: Tensor) -> Tensor:
        return -functional.cross_entropy(logits, y_target, reduction="none")

    return objective


def kl_divergence(clean_logits: Tensor) -> Objective:
    """``KL(p(.|x) || p(.|x_adv))``, ``clean_logits`` ``[N, K]`` those of ``x``: TRADES' inner maximisation.

    Its gradient is zero at ``x`` itself, so an attack on it starts from noise. The clean side carries no gradient.
    """
    clean_logits = clean_logits.detach()

    def objective(logits: Tensor) -> Tensor:
        return divergence(clean_logits, logits)

    return objective


def high_energy(y: Tensor, energy_weight: float) -> Objective:
    """``CE(f(x), y) + energy_weight E(x)``: HE-PGD, an attack that keeps the energy up (S003 equations 10, 11)."""

    def objective(logits: Tensor) -> Tensor:
        return functional.cross_entropy(logits, y, reduction="none") + energy_weight * energy_x(logits)

    return objective


def largest_other(logits: Tensor, y: Tensor) -> Tensor:
    """``max_{i != y}`` of ``[N, K]``; masked by minus infinity, as a finite mask wins where all others lie below it."""
    return logits.scatter(1, y[:, None], -torch.inf).amax(dim=1)


def margin(y: Tensor) -> Objective:
    """``max_{k != y} f(x)[k] - f(x)[y]``: positive exactly where ``y`` is not the prediction.

    The margin of Carlini and Wagner (2017) without their confidence constant. Raises ValueError for one class.
    """

    def objective(logits: Tensor) -> Tensor:
        _need_classes(2, "a margin", logits)
        return largest_other(logits, y) + energy_xy(logits, y)

    return objective


def targeted_margin(y: Tensor, y_target: Tensor) -> Objective:
    """``f(x)[y_target] - f(x)[y]``: positive where the target is ahead of the label."""

    def objective(logits: Tensor) -> Tensor:
        return energy_xy(logits, y) - energy_xy(logits, y_target)

    return objective


def dlr(y: Tensor) -> Objective:
    """Difference of logits ratio ``margin / (z_1 - z_3)``, ``z_1 >= z_2 >= ...`` (Croce and Hein 2020, equation 6).

    Unchanged when all logits are shifted or scaled, so huge logits do not starve it as they do cross-entropy.
    Raises ValueError for fewer than 3 classes.
    """

    def objective(logits: Tensor) -> Tensor:
        _need_classes(3, "the DLR objective", logits)
        top = logits.topk(3, dim=1).values
        return margin(y)(logits) / (top[:, 0] - top[:, 2] + TINY)

    return objective


def targeted_dlr(y: Tensor, y_target: Tensor) -> Objective:
    """``targeted margin / (z_1 - (z_3 + z_4) / 2)`` (Croce and Hein 2020, equation 7), as unchanged as ``dlr``.

    Raises ValueError for fewer than 4 classes.
    """

    def objective(logits: Tensor) -> Tensor:
        _need_classes(4, "the targeted DLR objective", logits)
        top = logits.topk(4, dim=1).values
        return targeted_margin(y, y_target)(logits) / (top[:, 0] - (top[:, 2] + top[:, 3]) / 2 + TINY)

    return objective


def _need_classes(num_classes: int, what: str, logits: Tensor) -> None:
    if logits.shape[1] < num_classes:
        raise ValueError(f"{what} needs at least {num_classes} classes, got logits of shape {list(logits.shape)}")
