"""The loop that every training program runs: step, average, record, report, from any step on."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from advgen_ray.errors import UserError
from advgen_ray.losses import LossTerms
from advgen_ray.models.ema import Ema
from advgen_ray.rng import Stream
from advgen_ray.training.checkpoint import load_checkpoint, save_checkpoint
from advgen_ray.training.optim import Schedule, update
from advgen_ray.training.worker import Worker

Record = dict[str, Any]
Save = Callable[[Path], None]
Report = Callable[[Record, Save | None], None]
"""``report(record, save)``: all workers call it equally often; ``save(directory)`` writes the checkpoint now due."""


@dataclass
class Trainee:
    """All that training changes, so all that a checkpoint holds; and how one update is made."""

    model: nn.Module
    optimizer: Optimizer
    schedule: Schedule
    clip_norm: float | None = None
    ema: Ema | None = None
    step: int = 0  # updates made
    history: list[Record] = field(default_factory=list)

    def save(self, directory: Path) -> None:
        """Write a checkpoint into an existing directory."""
        state = {"step": self.step, "history": self.history}
        save_checkpoint(directory, model=self.model, optimizer=self.optimizer, ema=self.ema, state=state)

    def resume(self, directory: Path) -> None:
        """Continue exactly where ``directory`` was written; raises UserError for one that does not fit."""
        state = load_checkpoint(directory, model=self.model, optimizer=self.optimizer, ema=self.ema)
        self.step, self.history = state["step"], state["history"]


class StepTerms(NamedTuple):
    """A worker's part of one step: means over its own ``num_local`` of the batch's ``num_global`` items."""

    terms: LossTerms
    num_local: int
    num_global: int


LossAt = Callable[[nn.Module, int], StepTerms]
"""``loss_at(model, step)``: the model may be a DDP wrapper, to be called once."""


@dataclass(frozen=True)
class Rhythm:
    """How long to train, and after how many steps to record and to checkpoint (both also at the end)."""

    num_steps: int
    steps_per_epoch: int
    record_every: int
    checkpoint_every: int


def run_steps(trainee: Trainee, loss_at: LossAt, rhythm: Rhythm, *, seed: int, worker: Worker, report: Report) -> None:
    """Train from ``trainee.step`` to the end of the rhythm.

    Gradients and recorded means are those of the global batch however unequally workers share it: DDP averages over
    workers, so each scales its mean by its share. Dropout draws from torch's generator, seeded at every step, so
    that a resumed run draws what an unbroken one does. Raises UserError when the loss is no longer finite.
    """
    model = worker.joined(trainee.model)
    dropout = Stream(seed, "dropout")
    means = _Means()
    trainee.model.train()
    begin = time.monotonic()
    while trainee.step < rhythm.num_steps:
        torch.manual_seed(dropout.torch_seed(trainee.step, worker.rank))
        terms, num_local, num_global = loss_at(model, trainee.step)
        (terms.loss * (num_local * worker.num_workers / num_global)).backward()
        update(trainee.optimizer, trainee.schedule(trainee.step), trainee.clip_norm)
        trainee.optimizer.zero_grad(set_to_none=True)
        if trainee.ema:
            trainee.ema.update(trainee.model)
        means.add(terms, num_local)
        trainee.step += 1
        checkpoint_due = trainee.step % rhythm.checkpoint_every == 0 or trainee.step == rhythm.num_steps
        if checkpoint_due or trainee.step % rhythm.record_every == 0:
            record = _record(trainee, rhythm, means.reduce(worker), time.monotonic() - begin)
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
