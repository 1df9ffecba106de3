"""Binary adversarial training of a detector or generative model: S004 algorithms 1 and 3, section 3.2.1's detectors."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import compress
from typing import Any

import torch
from torch import Tensor, nn

from advgen_ray.attacks.objectives import Objective
from advgen_ray.attacks.pgd import PGD
from advgen_ray.data.augment import Augment
from advgen_ray.data.batches import Batch, BatchOrder
from advgen_ray.data.datasets import LabelledImages
from advgen_ray.detection.ranking import chance_above
from advgen_ray.losses import LossTerms
from advgen_ray.losses.binary import Contrast, binary_at_loss, log_likelihood
from advgen_ray.rng import StartNoise, Stream
from advgen_ray.training.loop import Observe, OnStep, Report, Rhythm, StepTerms, items_on, run_steps
from advgen_ray.training.progressive import Progression
from advgen_ray.training.trainee import Trainee
from advgen_ray.training.worker import Worker

OutAttack = Callable[[int, StartNoise], PGD]
"""``out_attack(K, start_noise)``: the ascent from p0 by K steps."""

LARGEST_LOGIT = 1e6  # beyond it a training has diverged: floats would be finite for a while yet


@dataclass(frozen=True)
class Side:
    """Images of one side of the contest, in an order of their own, and how they are augmented."""

    images: LabelledImages
    augment: Augment | None = None


@dataclass(frozen=True)
class Contest:
    """What D learns to tell apart, and what moves it: samples of p0 ascend D's logit, data may descend it.

    Of the samples a share sets out from noise in the ball, the rest from the image itself.
    """

    data: Side
    p0: Side
    out_attack: OutAttack
    progression: Progression
    data_attack: PGD | None = None
    random_start_share: float = 0.0
    contrast: Contrast = log_likelihood
    r1: float = 0.0


def train_binary(
    trainee: Trainee,
    contest: Contest,
    *,
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
    of either. K, and what it is paced by, is in ``trainee.course`` and so in every checkpoint. ``course["ended"]`` says
    why it ended before ``num_steps``, if it did; logits beyond 1e6 are a reason, NaN is a UserError. All draws are
    keyed by (seed, item, step).
    """
    contest.progression.begin(trainee.course)
    steps = _Steps(trainee, contest, batch_size, seed, worker)
    rhythm = Rhythm(
        num_steps=num_steps,
        steps_per_epoch=steps.data_order.steps_per_epoch,
        record_every=record_every,
        checkpoint_every=checkpoint_every,
        until=until,
    )
    run_steps(
        trainee,
        steps,
        [steps.data_order, steps.p0_order],
        rhythm,
        seed=seed,
        worker=worker,
        report=report,
        observe=observe,
        on_step=on_step,
        ended=lambda: bool(trainee.course["ended"]),
    )


class _Steps:
    """The loss of every step, and what the step says of the attack."""

    def __init__(self, trainee: Trainee, contest: Contest, batch_size: int, seed: int, worker: Worker) -> None:
        self.trainee, self.contest, self.worker = trainee, contest, worker
        self.data_order, self.p0_order = (
            BatchOrder(len(side.images), batch_size, seed, worker.rank, worker.num_workers, purpose)
            for side, purpose in ((contest.data, "batches"), (contest.p0, "p0_batches"))
        )
        names = ("augment", "p0_augment", "p0_attack", "p0_start")
        self.streams = {name: Stream(seed, name) for name in names}

    def __call__(self, model: nn.Module, step: int) -> StepTerms:
        _freeze_batch_norm(model)
        contest, course, worker = self.contest, self.trainee.course, self.worker
        data, p0 = self.data_order.at(step), self.p0_order.at(step)
        x, _ = self._images(contest.data, data, step, "augment")
        x_out, out_ids = self._images(contest.p0, p0, step, "p0_augment")
        chosen = self.streams["p0_start"].uniform(out_ids, (1,), step) < contest.random_start_share
        start = _started(self.streams["p0_attack"], out_ids, step, chosen[:, 0])
        attack = self._bound(contest.out_attack(course["k"], start)) if course["k"] else None
        terms = binary_at_loss(
            model,
            x,
            x_out,
            attack,
            data_attack=self._bound(contest.data_attack) if contest.data_attack else None,
            contrast=contest.contrast,
            r1=contest.r1,
            shares=(data.share * worker.num_workers, p0.share * worker.num_workers),
        )
        f_data, f_out = _gathered(terms.f_data, data, worker), _gathered(terms.f_out, p0, worker)
        told = {"auc": chance_above(f_data, f_out), "k": float(course["k"])}
        _steer(course, contest.progression, told["auc"], torch.cat([f_data, f_out]))
        metrics = terms.metrics | {name: f_data.new_tensor(value) for name, value in told.items()}
        return StepTerms(LossTerms(terms.loss, metrics), 1, worker.num_workers)

    def _images(self, side: Side, batch: Batch, step: int, purpose: str) -> tuple[Tensor, list[str]]:
        item_ids = side.images.item_ids(batch.indices)
        (x,) = items_on(self.worker, side.images.tensor(batch.indices))
        return side.augment(x, item_ids, step, self.streams[purpose]) if side.augment else x, item_ids

    def _bound(self, attack: PGD) -> Callable[[Tensor, Objective], Tensor]:
        return lambda x, objective: attack(self.trainee.model, x, objective)


def _started(stream: Stream, item_ids: Sequence[str], step: int, chosen: Tensor) -> StartNoise:
    """Noise for the ``chosen`` samples ``[N]`` alone: zero starts the others at themselves, so no start is learnt."""

    def start(x: Tensor) -> Tensor:
        noise = torch.zeros(x.shape)
        noise[chosen] = stream.normal(list(compress(item_ids, chosen.tolist())), x.shape[1:], step)
        return noise.to(x.device)

    return start


def _freeze_batch_norm(model: nn.Module) -> None:
    for module in model.modules():
        if isinstance(module, nn.modules.batchnorm._BatchNorm):
            module.eval()


def _steer(course: dict[str, Any], progression: Progression, auc_of_step: float, logits: Tensor) -> None:
    """Count the step by what all workers saw, so that all of them take the same turn."""
    progression.update(course, auc_of_step)
    largest = float(logits.abs().max())
    if not largest <= LARGEST_LOGIT:  # true for NaN too, at whose record the loop raises: there is nothing to keep
        course["ended"] = f"diverged: a logit of {largest:.3g}"


def _gathered(values: Tensor, batch: Batch, worker: Worker) -> Tensor:
    """All workers' values of a batch: each fills its own places of zeros, and the sum is exact."""
    table = values.new_zeros(batch.global_size)
    table[worker.rank :: worker.num_workers] = values
    return worker.total(table)
