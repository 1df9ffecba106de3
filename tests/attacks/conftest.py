"""Models whose best attack is known in closed form, and images to attack."""

import pytest
import torch
from torch import Tensor, nn

from advgen_ray.models.wide_resnet import WideResNet


class Linear(nn.Module):
    """Logits ``W x + b`` over flattened images."""

    def __init__(self, image_shape: tuple[int, ...], num_classes: int, scale: float = 1.0, seed: int = 0) -> None:
        super().__init__()
        generator = torch.Generator().manual_seed(seed)
        num_elements = int(torch.tensor(image_shape).prod())
        self.weight = nn.Parameter(scale * torch.randn(num_classes, num_elements, generator=generator))

    def forward(self, x: Tensor) -> Tensor:
        return x.flatten(1) @ self.weight.T


@pytest.fixture
def linear() -> Linear:
    return Linear((1, 8, 8), num_classes=2)


@pytest.fixture
def wide_resnet() -> WideResNet:
    """A small network with dropout whose batch-norm statistics have moved, left in training mode."""
    torch.manual_seed(0)
    model = WideResNet((1, 8, 8), 10, (0.3,), (0.4,), depth=10, widen_factor=1, base_channels=4, dropout=0.2)
    model.train()
    model(torch.rand(64, 1, 8, 8))
    return model


@pytest.fixture
def x() -> Tensor:
    return torch.rand(64, 1, 8, 8, generator=torch.Generator().manual_seed(1))


@pytest.fixture
def y() -> Tensor:
    return torch.arange(64) % 10
