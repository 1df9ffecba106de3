"""Worst case per sample: attacks in turn, each on the samples that still stand, in full batches, resumable anywhere."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn

from advgen_ray.attacks.checks import check_images, check_logits
from advgen_ray.attacks.forward import logits_of
from advgen_ray.attacks.labels import check_labels
from advgen_ray.attacks.live_rows import per_sample
from advgen_ray.attacks.threat_model import Ball

STANDING, MISCLASSIFIED = -1, -2  # in ``fallen_by``: not fallen; wrong without any attack
CLEAN = -1  # the pass before the first attack
RADIUS_TOLERANCE = 1e-6


@dataclass(frozen=True)
class SuiteAttack:
    """One attack of a suite, bound to everything but model and samples.

    Args:
        name: what tables call it; parts of one attack (targets, restarts) differ in a slash and a number at the end.
        perturb: ``perturb(model, x, y, item_ids) -> x_adv``, all randomness keyed by item, so that the result does
            not depend on the batch. May return ``x`` or an image too far away for samples it cannot fool.
        sees_gradients: False for black-box and transfer attacks; where these win, gradients mislead.
    """

    name: str
    perturb: Callable[[nn.Module, Tensor, Tensor, Sequence[str]], Tensor]
    sees_gradients: bool = True


def attack_of(part: str) -> str:
    """The attack that a part belongs to: ``"linf 8/255"`` for ``"linf 8/255/2"``."""
    return re.sub(r"/\d+$", "", part)


@dataclass
class SuiteState:
    """How far an evaluation is and what it found; enough to go on from, in this process or another.

    Args:
        names: the attacks in their order.
        fallen_by: ``[N]`` int64, the index of the attack that a sample fell to, ``STANDING`` or ``MISCLASSIFIED``.
        x_adv: ``[N, C, H, W]``, what fooled the model; the image itself for all other samples.
        predicted: ``[N]`` int64, what the model took ``x_adv`` for when that was decided; the label while it stands.
        attack: the pass under way: ``CLEAN``, an index, or ``len(names)`` at the end.
        next_sample: samples before this one have had their turn in that pass.
    """

    names: tuple[str, ...]
    fallen_by: Tensor
    x_adv: Tensor
    predicted: Tensor
    attack: int = CLEAN
    next_sample: int = 0

    @property
    def finished(self) -> bool:
        """Whether every pass is over."""
        return self.attack == len(self.names)

    def copy(self) -> "SuiteState":
        """A state of its own: an evaluation writes into the arrays of the one that it is given."""
        arrays = {name: getattr(self, name).clone() for name in ("fallen_by", "x_adv", "predicted")}
        return replace(self, **arrays)


def evaluate(
    model: nn.Module,
    x: Tensor,
    y: Tensor,
    item_ids: Sequence[str],
    attacks: Sequence[SuiteAttack],
    threat_model: Ball,
    *,
    batch_size: int = 250,
    resume: SuiteState | None = None,
    on_batch: Callable[[SuiteState], None] | None = None,
) -> SuiteState:
    """Which attack each sample falls to first, none being counted twice: the per-sample worst case over ``attacks``.

    What is misclassified as it is drops out first. Each attack then runs over the samples that stand, repacked into
    batches of ``batch_size``. After each batch ``on_batch`` sees the state, whose arrays go on changing: store or
    ``copy`` it. Given a stored state as ``resume``, the evaluation goes on at the batch after it, and ends with
    bitwise the same arrays; ``resume`` itself is left as it was.

    Args:
        model: images to logits ``[N, K]``, on the device of ``x``; run in evaluation mode and left as it was.
        x: images ``[N, C, H, W]`` in [0, 1].
        y: labels ``[N]`` (int64).
        item_ids: what keys each sample's noise.
        attacks: strongest for its price first, and black-box ones last: then ``masking`` can tell.
        threat_model: the ball that adversarial images must lie in.
        batch_size: at most so many samples at once.
        resume: a state from ``on_batch`` under the same attacks and samples.
        on_batch: called after each batch.

    Raises ValueError for bad images, labels or outputs, and a state of other attacks or samples.
    """
    state = _start(x, y, item_ids, attacks) if resume is None else resume.copy()
    if state.names != tuple(attack.name for attack in attacks) or state.x_adv.shape != x.shape:
        raise ValueError(
            f"a state of {len(state.x_adv)} samples and attacks {state.names} cannot go on with {len(x)} samples and "
            f"other attacks"
        )
    if batch_size < 1:
        raise ValueError(f"batch_size must be at least 1, got {batch_size}")
    while not state.finished:
        standing = (state.fallen_by[state.next_sample :] == STANDING).nonzero().squeeze(1)
        rows = standing[:batch_size] + state.next_sample
        if len(rows) == 0:
            state.attack, state.next_sample = state.attack + 1, 0
            continue
        if state.attack == CLEAN:
            state.predicted[rows] = _predicted(model, x[rows], y[rows])
            state.fallen_by[rows[state.predicted[rows] != y[rows]]] = MISCLASSIFIED
        else:
            ids = [item_ids[row] for row in rows.tolist()]
            x_adv, state.predicted[rows] = run_attack(model, x[rows], y[rows], ids, attacks[state.attack], threat_model)
            falls = state.predicted[rows] != y[rows]
            state.x_adv[rows[falls]], state.fallen_by[rows[falls]] = x_adv[falls], state.attack
        state.next_sample = int(rows[-1]) + 1
        if on_batch is not None:
            on_batch(state)
    return state


def _start(x: Tensor, y: Tensor, item_ids: Sequence[str], attacks: Sequence[SuiteAttack]) -> SuiteState:
    check_images(x)
    names = tuple(attack.name for attack in attacks)
    if not len(x) == len(y) == len(item_ids):
        raise ValueError(f"expected as many labels and item ids as images, got {len(x)}, {len(y)}, {len(item_ids)}")
    if len(set(names)) < len(names):
        raise ValueError(f"two attacks of one name draw the same noise: {names}")
    return SuiteState(names, torch.full_like(y, STANDING), x.detach().clone(), y.clone())


def run_attack(
    model: nn.Module,
    x: Tensor,
    y: Tensor,
    item_ids: Sequence[str],
    attack: SuiteAttack,
    threat_model: Ball,
) -> tuple[Tensor, Tensor]:
    """One attack on one batch: ``x_adv``, and what it is taken for once it is rechecked (``[N]``)."""
    x_adv = attack.perturb(model, x, y, item_ids)
    return x_adv, recheck(model, x_adv, x, y, threat_model)


def recheck(model: nn.Module, x_adv: Tensor, x: Tensor, y: Tensor, threat_model: Ball) -> Tensor:
    """``[N]``: what a fresh forward pass takes ``x_adv`` for; ``y`` where it is no image in [0, 1] and in the ball.

    The ball is ``eps (1 + 1e-6)`` and the rounding of one element, as adding eps to a pixel rounds it.
    """
    rounding = torch.finfo(x.dtype).eps / 2
    radius = threat_model.eps * (1 + RADIUS_TOLERANCE) + rounding
    in_range = ((x_adv >= 0) & (x_adv <= 1)).flatten(1).all(dim=1)  # NaN fails both
    in_ball = threat_model.distance(x_adv.double(), x.double()) <= radius
    valid = in_range & in_ball
    logits = logits_of(model, torch.where(per_sample(valid, x), x_adv, x))
    return torch.where(valid & logits.isfinite().all(dim=1), logits.argmax(dim=1), y)


def _predicted(model: nn.Module, x: Tensor, y: Tensor) -> Tensor:
    logits = logits_of(model, x)
    check_logits(logits)
    check_labels(y, logits)
    return logits.argmax(dim=1)
