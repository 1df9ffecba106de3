"""An exponential moving average of a model's weights, warmed so that a short run is not the average of its start."""

from typing import Any

import torch
from torch import Tensor, nn


class Ema:
    """``shadow <- d shadow + (1 - d) weights`` with ``d = min(decay, (1 + n) / (10 + n))`` at update n = 1, 2, ...

    ``shadow`` is a state dict for the same architecture; buffers and integers are copied, not averaged.
    The warmup is that of score_sde. Raises ValueError for a decay outside [0, 1).
    """

    def __init__(self, model: nn.Module, decay: float) -> None:
        if not 0 <= decay < 1:
            raise ValueError(f"decay must lie in [0, 1), got {decay}; the usual value is 0.9999")
        self.decay = decay
        self.num_updates = 0
        self.shadow: dict[str, Tensor] = {name: value.detach().clone() for name, value in model.state_dict().items()}

    @torch.no_grad()
    def update(self, model: nn.Module) -> None:
        """Take in the weights after one optimiser step."""
        self.num_updates += 1
        decay = min(self.decay, (1 + self.num_updates) / (10 + self.num_updates))
        averaged = {name for name, _ in model.named_parameters()}
        for name, value in model.state_dict().items():
            if name in averaged:
                self.shadow[name].lerp_(value, 1 - decay)
            else:
                self.shadow[name].copy_(value)

    def state_dict(self) -> dict[str, Any]:
        """Everything that decides the next update."""
        return {"num_updates": self.num_updates, "shadow": self.shadow}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Continue exactly where ``state`` was taken; raises ValueError if it belongs to another architecture."""
        if state["shadow"].keys() != self.shadow.keys():
            differing = sorted(state["shadow"].keys() ^ self.shadow.keys())
            raise ValueError(f"the EMA state belongs to another architecture: {differing[0]} is in one of them only")
        self.num_updates = int(state["num_updates"])
        for name, value in state["shadow"].items():
            self.shadow[name].copy_(value)
