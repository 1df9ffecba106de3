"""Trainings of a few seconds, and a session that needs no Ray."""

from pathlib import Path
from typing import Any

import torch

from advgen_ray.config import AttackConfig, OptimizerConfig, TrainClassifierConfig, WideResNetConfig, WorkersConfig
from advgen_ray.training.loop import Record, Save
from advgen_ray.training.worker import Worker


def classifier_config(output: Path, **changes: Any) -> TrainClassifierConfig:
    """Twelve epochs of three steps, dropout and attack switched on."""
    values: dict[str, Any] = {
        "model": WideResNetConfig(depth=10, widen_factor=1, base_channels=4, dropout=0.2),
        "attack": AttackConfig(num_steps=2),
        "evaluation_attack": AttackConfig(num_steps=2),
        "optimizer": OptimizerConfig(learning_rate=5e-3, schedule="one_cycle"),
        "num_epochs": 12,
        "batch_size": 500,
        "checkpoint_every_epochs": 2,
        "output": str(output),
        "workers": WorkersConfig(num_workers=1),
    }
    return TrainClassifierConfig(**(values | changes))


class KeptSession:
    """A session without Ray, which keeps what a training hands over."""

    def __init__(self) -> None:
        self.worker, self.resume = Worker(), None
        self.records: list[Record] = []

    def report(self, record: Record, save: Save | None) -> None:
        self.records.append(record)

    def until(self, num_steps: int) -> int:
        return num_steps

    def on_step(self, step: int, num_steps: int) -> None:
        pass

    def finish(self, model: torch.nn.Module, card: dict[str, Any]) -> None:
        self.model, self.card = model, card
