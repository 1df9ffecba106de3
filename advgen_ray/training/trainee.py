"""All that training changes: the model, its optimiser and averages, the best weights so far, what was recorded."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from advgen_ray.models.ema import Ema
from advgen_ray.training.checkpoint import load_best, load_checkpoint, save_checkpoint
from advgen_ray.training.optim import Schedule

Record = dict[str, Any]
Save = Callable[[Path], None]


@dataclass
class Best:
    """The weights to keep of the best model so far, and what made it that."""

    weights: dict[str, Tensor]
    value: float
    step: int
    epoch: int


@dataclass
class Trainee:
    """All that training changes, so all that a checkpoint holds; and how one update is made."""

    model: nn.Module
    optimizer: Optimizer
    schedule: Schedule
    clip_norm: float | None = None
    ema: Ema | None = None
    momentum: Schedule | None = None  # None leaves the optimiser's
    autocast: torch.dtype | None = None  # bfloat16 for mixed precision; weights and logits stay float32
    step: int = 0  # updates made
    history: list[Record] = field(default_factory=list)
    best: Best | None = None
    course: dict[str, Any] = field(default_factory=dict)  # what else a program steers by: plain JSON values

    @property
    def weights_to_keep(self) -> dict[str, Tensor]:
        """The averages where there are any, the model's own otherwise."""
        return self.ema.shadow if self.ema else self.model.state_dict()

    @contextmanager
    def to_keep(self) -> Iterator[nn.Module]:
        """The model with the weights to keep for a while; afterwards with its own again."""
        if self.ema is None:
            yield self.model
            return
        own = {name: value.clone() for name, value in self.model.state_dict().items()}
        self.model.load_state_dict(self.weights_to_keep)
        try:
            yield self.model
        finally:
            self.model.load_state_dict(own)

    def keep_if_best(self, value: float, epoch: int) -> None:
        """Remember the weights to keep if ``value`` is higher than ever; of equal ones the first counts."""
        if self.best is None or value > self.best.value:
            weights = {name: weight.detach().clone() for name, weight in self.weights_to_keep.items()}
            self.best = Best(weights, value, self.step, epoch)

    def save(self, directory: Path) -> None:
        """Write a checkpoint into an existing directory."""
        state: dict[str, Any] = {"step": self.step, "history": self.history, "course": self.course}
        if self.best:
            state["best"] = {"value": self.best.value, "step": self.best.step, "epoch": self.best.epoch}
        save_checkpoint(
            directory,
            model=self.model,
            optimizer=self.optimizer,
            ema=self.ema,
            state=state,
            best=self.best.weights if self.best else None,
        )

    def resume(self, directory: Path) -> None:
        """Continue exactly where ``directory`` was written; raises UserError for one that does not fit."""
        state = load_checkpoint(directory, model=self.model, optimizer=self.optimizer, ema=self.ema)
        self.step, self.history = state["step"], state["history"]
        self.course.update(state.get("course", {}))
        if "best" in state:
            own = self.model.state_dict()
            weights = {name: value.to(own[name].device) for name, value in load_best(directory).items()}
            self.best = Best(weights, **state["best"])
