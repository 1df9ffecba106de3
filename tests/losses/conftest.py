"""A small network in training mode, a batch, and inner attacks that show what they were asked."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from advgen_ray.attacks.eval_mode import eval_mode
from advgen_ray.attacks.objectives import Objective
from advgen_ray.models.wide_resnet import WideResNet

NUM_CLASSES = 10


class Shifted:
    """An inner attack that moves every image the same way and keeps the objectives it was given."""

    def __init__(self, model: nn.Module) -> None:
        self.model, self.objectives = model, []  # type: ignore[var-annotated]

    def __call__(self, x: Tensor, objective: Objective) -> Tensor:
        self.objectives.append(objective)
        return (x + 0.1).clamp(0, 1)

    def logits(self, x: Tensor) -> Tensor:
        with eval_mode(self.model), torch.no_grad():
            return self.model(x)


class Counted(nn.Module):
    """Passes on to a model and counts the forwards, as a DDP wrapper would."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model, self.sizes = model, []  # type: ignore[var-annotated]

    def forward(self, x: Tensor) -> Tensor:
        self.sizes.append(len(x))
        return self.model(x)


class Given(nn.Module):
    """Stands for a network: natural logits, then those of the attacked images, whatever the images are."""

    def __init__(self, logits: Tensor, logits_adv: Tensor) -> None:
        super().__init__()
        self.both = nn.Parameter(torch.cat([logits, logits_adv]))

    def forward(self, x: Tensor) -> Tensor:
        return self.both[: len(x)]


class Setting:
    """Model, images, labels and an attack on the model, fresh."""

    def __init__(self) -> None:
        torch.manual_seed(0)
        self.model = WideResNet((1, 8, 8), NUM_CLASSES, (0.3,), (0.4,), depth=10, widen_factor=1, base_channels=4)
        self.x, self.y = torch.rand(32, 1, 8, 8), torch.arange(32) % NUM_CLASSES
        self.attack = Shifted(self.model)


@pytest.fixture
def setting() -> Setting:
    return Setting()


@pytest.fixture
def given() -> Callable[[float], tuple[Given, Tensor, Tensor, Shifted]]:
    """``given(scale)``: a model of 16 pairs of random logits of that size, images, labels, an attack."""

    def make(scale: float) -> tuple[Given, Tensor, Tensor, Shifted]:
        generator = torch.Generator().manual_seed(1)
        logits, logits_adv = (scale * torch.randn(16, NUM_CLASSES, generator=generator) for _ in range(2))
        model = Given(logits, logits_adv)
        return model, torch.rand(16, 1, 2, 2, generator=generator), torch.arange(16) % NUM_CLASSES, Shifted(model)

    return make
