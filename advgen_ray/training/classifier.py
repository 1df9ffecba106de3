"""Standard and adversarial training of a classifier (S000 section 6, S001 A.3), and its accuracy under attack."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor, nn

from advgen_ray.attacks.eval_mode import eval_mode
from advgen_ray.attacks.forward import logits_of
from advgen_ray.attacks.objectives import Objective, cross_entropy
from advgen_ray.attacks.pgd import PGD
from advgen_ray.data.augment import Augment
from advgen_ray.data.batches import BatchOrder
from advgen_ray.data.datasets import LabelledImages
from advgen_ray.losses import InnerAttack, LossTerms
from advgen_ray.losses.sat import sat_loss
from advgen_ray.rng import StartNoise, Stream, keyed
from advgen_ray.training.loop import OnStep, Report, Rhythm, StepTerms, items_on, run_steps
from advgen_ray.training.trainee import Trainee
from advgen_ray.training.worker import Worker

AttackAt = Callable[[float, StartNoise], PGD]
"""``attack_at(share, start_noise)``: the attack at ``share`` (0 to 1) of its full eps, with keyed start noise."""

RobustLoss = Callable[[nn.Module, Tensor, Tensor, InnerAttack], LossTerms]
"""``loss(model, x, y, attack)``: one of ``advgen_ray.losses`` with everything else bound."""

ObserveEpoch = Callable[[Trainee, int, bool], dict[str, float]]
"""``observe(trainee, epoch, last)`` after that many epochs, 0 before the first; what it measured is recorded."""


class Exposure(Protocol):
    """A loss that brings images of its own, in an order of their own, behind the data (``training.outliers``)."""

    order: BatchOrder

    def __call__(
        self, model: nn.Module, x: Tensor, y: Tensor, attack: InnerAttack | None, step: int, share: float
    ) -> LossTerms:
        """``share``: the part of the global batch of data that ``x`` is."""


@dataclass(frozen=True)
class BareAttack:
    """An attack on the bare module, past the DDP wrapper: what a loss may ask of it."""

    model: nn.Module
    attack: PGD

    def __call__(self, x: Tensor, objective: Objective) -> Tensor:
        """Images near ``x`` at which the objective is high."""
        return self.attack(self.model, x, objective)

    def logits(self, x: Tensor) -> Tensor:
        """Logits of the model in evaluation mode, without a graph."""
        return logits_of(self.model, x)


def train_classifier(
    trainee: Trainee,
    images: LabelledImages,
    attack_at: AttackAt | None,
    *,
    loss_at_epoch: Callable[[int], RobustLoss] = lambda epoch: sat_loss,
    exposure: Exposure | None = None,
    num_epochs: int,
    max_steps: int | None = None,
    until: int | None = None,
    batch_size: int,
    augment: Augment | None = None,
    eps_warmup_epochs: int = 0,
    checkpoint_every_epochs: int = 1,
    seed: int,
    worker: Worker,
    report: Report,
    observers: Sequence[ObserveEpoch] = (),
    on_step: OnStep | None = None,
) -> None:
    """Train in place on the losses of ``loss_at_epoch`` (epochs from 0); without an attack this is standard training.

    An ``exposure`` takes the place of either. ``batch_size`` is global, over all workers. ``max_steps`` ends earlier
    than ``num_epochs``; ``until`` is a step to pause at. Over the first ``eps_warmup_epochs`` the attack on the data
    (not that on an exposure's outliers) grows linearly from nothing. All draws are keyed by (seed, item, step).
    """
    order = BatchOrder(len(images), batch_size, seed, worker.rank, worker.num_workers)
    orders = [order, exposure.order] if exposure else [order]
    start_noise, augmentation = Stream(seed, "attack"), Stream(seed, "augment")
    warmup_steps = eps_warmup_epochs * order.steps_per_epoch

    def loss_at(model: nn.Module, step: int) -> StepTerms:
        batch = order.at(step)
        item_ids = images.item_ids(batch.indices)
        x, y = items_on(worker, images.tensor(batch.indices), images.targets(batch.indices))
        x = augment(x, item_ids, step, augmentation) if augment else x
        share = min(1.0, (step + 1) / warmup_steps) if warmup_steps else 1.0
        attack = attack_at and BareAttack(trainee.model, attack_at(share, keyed(start_noise, item_ids, step)))
        if exposure:
            return StepTerms(exposure(model, x, y, attack, step, batch.share), len(y), batch.global_size)
        loss = loss_at_epoch(step // order.steps_per_epoch)
        terms = loss(model, x, y, attack) if attack else sat_loss(model, x, y, None)
        return StepTerms(terms, len(y), batch.global_size)

    def observe(step: int) -> dict[str, float]:
        epoch, last = math.ceil(step / order.steps_per_epoch), step == rhythm.num_steps
        return {name: value for look in observers for name, value in look(trainee, epoch, last).items()}

    rhythm = Rhythm(
        num_steps=int(min(num_epochs * order.steps_per_epoch, max_steps or math.inf)),
        steps_per_epoch=order.steps_per_epoch,
        record_every=order.steps_per_epoch,
        checkpoint_every=checkpoint_every_epochs * order.steps_per_epoch,
        until=until,
    )
    if trainee.step == 0:
        observe(0)
    run_steps(
        trainee, loss_at, orders, rhythm, seed=seed, worker=worker, report=report, observe=observe, on_step=on_step
    )


def accuracy(
    model: nn.Module,
    images: LabelledImages,
    attack_at: AttackAt | None,
    *,
    batch_size: int,
    seed: int,
    worker: Worker,
) -> float:
    """Share of images classified correctly, after the attack if one is given; the same for any number of workers."""
    stream = Stream(seed, "evaluation_attack")
    indices = torch.arange(worker.rank, len(images), worker.num_workers).numpy()
    correct = torch.zeros((), dtype=torch.int64, device=worker.device)
    with eval_mode(model):
        for start in range(0, len(indices), batch_size):
            chosen = indices[start : start + batch_size]
            x, y = items_on(worker, images.tensor(chosen), images.targets(chosen))
            if attack_at:
                pgd = attack_at(1.0, keyed(stream, images.item_ids(chosen), 0))
                x = pgd(model, x, cross_entropy(y))
            with torch.inference_mode():
                correct += (model(x).argmax(dim=1) == y).sum()
    return worker.total(correct).item() / len(images)
