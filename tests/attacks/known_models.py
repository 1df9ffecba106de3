"""Models whose answers are known beforehand, images to attack them at, and what they predict."""

import torch
from torch import Tensor, nn


def linear(num_classes: int = 2, seed: int = 0, num_elements: int = 64, bias: float = 0.0) -> nn.Sequential:
    """A linear classifier that calls the grey image a tie, so that no wall is near; ``bias`` shifts all logits."""
    generator = torch.Generator().manual_seed(seed)
    layer = nn.Linear(num_elements, num_classes)
    with torch.no_grad():
        layer.weight.copy_(torch.randn(num_classes, num_elements, generator=generator))
        layer.bias.copy_(bias - 0.5 * layer.weight.sum(dim=1))
    return nn.Sequential(nn.Flatten(), layer)


def near_grey(num_samples: int) -> Tensor:
    return 0.5 + 0.05 * torch.randn(num_samples, 1, 8, 8, generator=torch.Generator().manual_seed(1))


def predictions(model: nn.Module, x: Tensor) -> Tensor:
    with torch.no_grad():
        return model(x).argmax(dim=1)


class Constant(nn.Module):
    """Logits that do not depend on the input, though the graph does."""

    def __init__(self, *logits: float) -> None:
        super().__init__()
        self.logits = torch.tensor(logits)

    def forward(self, x: Tensor) -> Tensor:
        return self.logits + 0.0 * x.flatten(1)[:, : len(self.logits)]


class BrightOrDark(nn.Module):
    """Two classes by the mean, so that ``1 - x`` is always of the other."""

    def forward(self, x: Tensor) -> Tensor:
        brightness = x.flatten(1).mean(dim=1) - 0.5
        return torch.stack([-brightness, brightness], dim=1)


class Counting(nn.Module):
    """Counts the rows that pass, call by call."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model
        self.calls: list[int] = []

    @property
    def rows(self) -> int:
        return sum(self.calls)

    def forward(self, x: Tensor) -> Tensor:
        self.calls.append(len(x))
        return self.model(x)
