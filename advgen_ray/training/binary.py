"""Binary adversarial training of a detector or generative model: S004 algorithms 1 and 3, section 3.2.1's detectors."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from advgen_ray.attacks.objectives import Objective
from advgen_ray.attacks.pgd import PGD
from advgen_ray.data.augment import Augment
from advgen_ray.data.batches import Batch, BatchOrder
from advgen_ray.data.datasets import LabelledImages
from advgen_ray.losses import LossTerms
from advgen_ray.losses.binary import Contrast, binary_at_loss, log_likelihood
from advgen_ray.rng import Stream
from advgen_ray.training.classifier import StartNoise, keyed
from advgen_ray.training.loop import Observe, OnStep, Report, Rhythm, StepTerms, items_on, run_steps
from advgen_ray.training.progressive import Progression, auc
from advgen_ray.training.trainee import Trainee
from advgen_ray.training.worker import Worker

OutAttack = Callable[[int, StartNoise], PGD]
"""``out_attack(K, start_noise)``: the ascent from p0 by K steps."""

DataAttack = Callable[[StartNoise], PGD]

LARGEST_LOGIT = 1e6  # beyond it a training has diverged: floats would be finite for a while yet
NEARLY_NOTHING = 1e-20  # noise that leaves a start where it is, and can be divided by


@dataclass(frozen=True)
class Side:
    """Images of one side of the contrast, in an order of their own, and how they are augmented."""

    images: LabelledImages
    augment: Augment | None = None


def train_binary(
    trainee: Trainee,
    data: Side,
    p0: Side,
    out_attack: OutAttack,
    progression: Progression,
    *,
    data_attack: DataAttack | None = None,
    random_start_share: float = 0.0,
    contrast: Contrast = log_likelihood,
    r1: float = 0.0,
    num_steps: int,
    until: int | None = None,
    batch_size: int,
    record_every: int,
    checkpoint_every: int,
    seed: int,
    worker: Worker,
    report: Report,
    observe: Observe | None = None,
    on_step: OnStep | None = None,
) -> None:
    """Train in place: ``batch_size`` images of the data against as many of p0 in each step, over all workers.

    Batch norm stays in evaluation mode (S004's code): statistics of data and of samples that chase them would be none
    of either. K, and what it is paced by, is in ``trainee.course`` and so in every checkpoint. Of the samples of p0 a
    share sets out from noise in the ball, the rest from the image itself. ``course["ended"]`` says why it ended before
    ``num_steps``, if it did; logits beyond 1e6 are a reason. All draws are keyed by (seed, item, step).
    """
    orders = [
        BatchOrder(len(side.images), batch_size, seed, worker.rank, worker.num_workers, purpose)
        for side, purpose in ((data, "batches"), (p0, "p0_batches"))
    ]
    streams = {name: Stream(seed, name) for name in ("augment", "p0_augment", "attack", "p0_attack", "p0_start")}
    course = trainee.course
    progression.begin(course)

    def images_of(side: Side, batch: Batch, step: int, purpose: str) -> tuple[Tensor, list[str]]:
        item_ids = side.images.item_ids(batch.indices)
        (x,) = items_on(worker, side.images.tensor(batch.indices))
        return side.augment(x, item_ids, step, streams[purpose]) if side.augment else x, item_ids

    def loss_at(model: nn.Module, step: int) -> StepTerms:
        _freeze_batch_norm(model)
        data_batch, out_batch = (order.at(step) for order in orders)
        x, item_ids = images_of(data, data_batch, step, "augment")
        x_out, out_ids = images_of(p0, out_batch, step, "p0_augment")
        chosen = streams["p0_start"].uniform(out_ids, (1,), step) < random_start_share
        start = _started(keyed(streams["p0_attack"], out_ids, step), chosen)
        attack = _bound(trainee.model, out_attack(course["k"], start)) if course["k"] else None
        descent = data_attack(keyed(streams["attack"], item_ids, step)) if data_attack else None
        terms = binary_at_loss(
            model,
            x,
            x_out,
            attack,
            data_attack=_bound(trainee.model, descent) if descent else None,
            contrast=contrast,
            r1=r1,
            shares=(data_batch.share * worker.num_workers, out_batch.share * worker.num_workers),
        )
        metrics = terms.metrics | {"k": terms.f_data.new_tensor(float(course["k"]))}
        f_data, f_out = (
            _gathered(values, batch.global_size, worker)
            for values, batch in ((terms.f_data, data_batch), (terms.f_out, out_batch))
        )
        _steer(course, progression, f_data, f_out)
        return StepTerms(LossTerms(terms.loss, metrics), 1, worker.num_workers)

    rhythm = Rhythm(
        num_steps=num_steps,
        steps_per_epoch=orders[0].steps_per_epoch,
        record_every=record_every,
        checkpoint_every=checkpoint_every,
        until=until,
    )
    run_steps(
        trainee,
        loss_at,
        rhythm,
        seed=seed,
        worker=worker,
        report=report,
        observe=observe,
        on_step=on_step,
        ended=lambda: bool(course["ended"]),
    )


def _bound(model: nn.Module, attack: PGD) -> Callable[[Tensor, Objective], Tensor]:
    return lambda x, objective: attack(model, x, objective)


def _started(noise: StartNoise, chosen: Tensor) -> StartNoise:
    """Noise for the ``chosen`` samples ``[N, 1]`` alone: the others start at themselves, so that no start is learnt."""

    def start(x: Tensor) -> Tensor:
        mask = chosen.to(x.device).view(-1, *(1,) * (x.dim() - 1))
        return torch.where(mask, noise(x), NEARLY_NOTHING)

    return start


def _freeze_batch_norm(model: nn.Module) -> None:
    for module in model.modules():
        if isinstance(module, nn.modules.batchnorm._BatchNorm):
            module.eval()


def _steer(course: dict[str, Any], progression: Progression, f_data: Tensor, f_out: Tensor) -> None:
    """Count the step by the logits of all workers, so that all of them take the same turn."""
    progression.update(course, auc(f_data, f_out))
    largest = float(torch.cat([f_data, f_out]).abs().max())
    if not largest <= LARGEST_LOGIT:  # true for NaN too
        course["ended"] = f"diverged: a logit of {largest:.3g}"


def _gathered(values: Tensor, num_global: int, worker: Worker) -> Tensor:
    """All workers' values of a batch: each fills its own places of zeros, and the sum is exact."""
    table = values.new_zeros(num_global)
    table[worker.rank :: worker.num_workers] = values
    return worker.total(table)
