"""The loop that every training program runs: step, average, record, report, from any step on."""

import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor, nn

from advgen_ray.data.batches import BatchOrder
from advgen_ray.errors import UserError
from advgen_ray.losses import LossTerms
from advgen_ray.rng import Stream
from advgen_ray.training.optim import update
from advgen_ray.training.shared_dropout import shared_dropout
from advgen_ray.training.trainee import Record, Save, Trainee
from advgen_ray.training.worker import Worker

__all__ = [
    "LossAt",
    "Observe",
    "OnStep",
    "Record",
    "Report",
    "Rhythm",
    "Save",
    "StepTerms",
    "Trainee",
    "items_on",
    "run_steps",
]

Report = Callable[[Record, Save | None], None]
"""``report(record, save)``: all workers call it equally often; ``save(directory)`` writes the checkpoint now due."""


class StepTerms(NamedTuple):
    """A worker's part of one step: means over its own ``num_local`` of the batch's ``num_global`` items."""

    terms: LossTerms
    num_local: int
    num_global: int


OnStep = Callable[[int, int], None]
"""``on_step(step, num_steps)``: told after every step, on all workers, how far the training is."""

LossAt = Callable[[nn.Module, int], StepTerms]
"""``loss_at(model, step)``: the model may be a DDP wrapper, to be called once."""

Observe = Callable[[int], dict[str, float]]
"""``observe(step)``: looks at the trainee when a record is due, on all workers alike; what it measured is recorded."""


@dataclass(frozen=True)
class Rhythm:
    """How long to train, and after how many steps to record and to checkpoint (both also where it stops)."""

    num_steps: int
    steps_per_epoch: int
    record_every: int
    checkpoint_every: int
    until: int | None = None  # where to stop before the end of num_steps, to be continued

    @property
    def stop(self) -> int:
        """The step after which nothing is trained."""
        return min(self.num_steps, self.until or self.num_steps)


def run_steps(
    trainee: Trainee,
    loss_at: LossAt,
    orders: Sequence[BatchOrder],
    rhythm: Rhythm,
    *,
    seed: int,
    worker: Worker,
    report: Report,
    observe: Observe | None = None,
    on_step: OnStep | None = None,
    ended: Callable[[], bool] = lambda: False,
) -> None:
    """Train from ``trainee.step`` to where the rhythm stops, or until ``ended`` says so, on all workers alike.

    Gradients and recorded means are those of the global batch however unequally workers share it: DDP averages over
    workers, so each scales its mean by its share. Dropout draws from torch's generator, seeded at every step, for the
    global batches of all ``orders``, which a step's forward joins in this order: a resumed run draws what an unbroken
    one does, however many workers it has. What ``observe`` keeps in the trainee is in the checkpoint that follows.
    Raises UserError when the loss is no longer finite.
    """
    model = worker.joined(trainee.model)
    dropout = Stream(seed, "dropout")
    # Of every device there might be takes 80 microseconds, of the CPU one.
    seed_dropout = torch.default_generator.manual_seed if worker.device.type == "cpu" else torch.manual_seed
    means = _Means()
    trainee.model.train()
    begin = time.monotonic()
    while trainee.step < rhythm.stop and not ended():
        seed_dropout(dropout.torch_seed(trainee.step))
        sizes = tuple(order.size_at(trainee.step) for order in orders)
        with _autocast(trainee.autocast, worker.device), shared_dropout(trainee.model, worker, sizes):
            terms, num_local, num_global = loss_at(model, trainee.step)
        (terms.loss * (num_local * worker.num_workers / num_global)).backward()
        momentum = trainee.momentum(trainee.step) if trainee.momentum else None
        update(trainee.optimizer, trainee.schedule(trainee.step), trainee.clip_norm, momentum)
        trainee.optimizer.zero_grad(set_to_none=True)
        if trainee.ema:
            trainee.ema.update(trainee.model)
        means.add(terms, num_local)
        trainee.step += 1
        if on_step:
            on_step(trainee.step, rhythm.num_steps)
        last = trainee.step == rhythm.stop or ended()
        checkpoint_due = trainee.step % rhythm.checkpoint_every == 0 or last
        if checkpoint_due or trainee.step % rhythm.record_every == 0:
            values = means.reduce(worker)
            if observe:
                values |= observe(trainee.step)
            record = _record(trainee, rhythm, values, time.monotonic() - begin)
            report(record, trainee.save if checkpoint_due else None)
            begin = time.monotonic()


class _Means:
    """Running means over items, kept on the device: reading a value at every step would make a GPU wait."""

    def __init__(self) -> None:
        self.names: list[str] = []
        self.sums = torch.zeros(0)

    def add(self, terms: LossTerms, num_items: int) -> None:
        values = {"loss": terms.loss.detach(), **terms.metrics}
        row = torch.stack([*values.values(), torch.ones_like(values["loss"])]).double() * num_items
        self.sums = self.sums + row if self.names else row
        self.names = list(values)

    def reduce(self, worker: Worker) -> dict[str, float]:
        """Means over all workers' items since the last call."""
        *sums, count = worker.total(self.sums).tolist()
        means = {name: value / count for name, value in zip(self.names, sums, strict=True)}
        self.names = []
        return means


def _autocast(dtype: torch.dtype | None, device: torch.device) -> AbstractContextManager[object]:
    """Mixed precision for the forwards of a step."""
    return nullcontext() if dtype is None else torch.autocast(device.type, dtype)


def _record(trainee: Trainee, rhythm: Rhythm, means: dict[str, float], seconds: float) -> Record:
    if not torch.isfinite(torch.tensor(means["loss"])):
        raise UserError(
            f"the loss is {means['loss']} at step {trainee.step}; lower optimizer.learning_rate or set "
            "optimizer.clip_norm"
        )
    record = {
        "step": trainee.step,
        "epoch": round(trainee.step / rhythm.steps_per_epoch, 4),
        **means,
        "learning_rate": trainee.schedule(trainee.step - 1),
        "seconds": round(seconds, 4),
    }
    trainee.history.append(record)
    return record


def items_on(worker: Worker, *tensors: Tensor) -> tuple[Tensor, ...]:
    """The tensors on the worker's device."""
    return tuple(tensor.to(worker.device, non_blocking=True) for tensor in tensors)
