"""Standard and adversarial training of a classifier (S000 section 6), and its accuracy on clean and attacked images."""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn

from advgen_ray.attacks.objectives import Objective, cross_entropy
from advgen_ray.attacks.pgd import PGD
from advgen_ray.data.batches import BatchOrder
from advgen_ray.data.datasets import LabelledImages
from advgen_ray.losses.sat import sat_loss
from advgen_ray.rng import Stream
from advgen_ray.training.loop import Report, Rhythm, StepTerms, Trainee, items_on, run_steps
from advgen_ray.training.worker import Worker

StartNoise = Callable[[Tensor], Tensor]
AttackAt = Callable[[float, StartNoise], PGD]
"""``attack_at(share, start_noise)``: the attack at ``share`` (0 to 1) of its full eps, with keyed start noise."""

Augment = Callable[[Tensor, Sequence[str], int, Stream], Tensor]


def train_classifier(
    trainee: Trainee,
    images: LabelledImages,
    attack_at: AttackAt | None,
    *,
    num_epochs: int,
    max_steps: int | None = None,
    batch_size: int,
    augment: Augment | None = None,
    eps_warmup_epochs: int = 0,
    checkpoint_every_epochs: int = 1,
    seed: int,
    worker: Worker,
    report: Report,
) -> None:
    """Train in place on the loss of ``sat_loss``; without an attack this is standard training.

    ``batch_size`` is global, over all workers. ``max_steps`` ends earlier than ``num_epochs``. Over the first
    ``eps_warmup_epochs`` the attack grows linearly from nothing. All draws are keyed by (seed, item, step).
    """
    order = BatchOrder(len(images), batch_size, seed, worker.rank, worker.num_workers)
    start_noise, augmentation = Stream(seed, "attack"), Stream(seed, "augment")
    warmup_steps = eps_warmup_epochs * order.steps_per_epoch

    def loss_at(model: nn.Module, step: int) -> StepTerms:
        batch = order.at(step)
        item_ids = images.item_ids(batch.indices)
        x, y = items_on(worker, images.tensor(batch.indices), images.targets(batch.indices))
        if augment:
            x = augment(x, item_ids, step, augmentation)
        attack = None
        if attack_at:
            share = min(1.0, (step + 1) / warmup_steps) if warmup_steps else 1.0
            pgd = attack_at(share, _keyed(start_noise, item_ids, step))

            def attack(x: Tensor, objective: Objective) -> Tensor:
                return pgd(trainee.model, x, objective)

        return StepTerms(sat_loss(model, x, y, attack), len(y), batch.global_size)

    num_steps = num_epochs * order.steps_per_epoch
    rhythm = Rhythm(
        num_steps=min(num_steps, max_steps or num_steps),
        steps_per_epoch=order.steps_per_epoch,
        record_every=order.steps_per_epoch,
        checkpoint_every=checkpoint_every_epochs * order.steps_per_epoch,
    )
    run_steps(trainee, loss_at, rhythm, seed=seed, worker=worker, report=report)


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
    model.eval()
    for start in range(0, len(indices), batch_size):
        chosen = indices[start : start + batch_size]
        x, y = items_on(worker, images.tensor(chosen), images.targets(chosen))
        if attack_at:
            pgd = attack_at(1.0, _keyed(stream, images.item_ids(chosen), 0))
            x = pgd(model, x, cross_entropy(y))
        with torch.inference_mode():
            correct += (model(x).argmax(dim=1) == y).sum()
    return worker.total(correct).item() / len(images)


def _keyed(stream: Stream, item_ids: Sequence[str], step: int) -> StartNoise:
    return lambda x: stream.normal(item_ids, x.shape[1:], step).to(x.device)
