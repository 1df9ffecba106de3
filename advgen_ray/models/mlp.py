"""A small network on points of the unit square, rough enough at the start to have maxima of its own."""

import torch
from torch import Tensor, nn


class MLP(nn.Module):
    """``num_inputs -> width -> width -> 1`` with tanh; points ``[N, num_inputs]`` in [0, 1] to logits ``[N, 1]``.

    Torch's own initialisation makes a function that is nearly linear over the square. ``roughness`` multiplies the
    first layer's weights and biases, so that the untrained logit has many local maxima, as S004 figure 2.1 begins.
    Equal generators give equal weights.
    """

    def __init__(self, num_inputs: int, width: int, roughness: float, generator: torch.Generator) -> None:
        super().__init__()
        self.first = nn.Linear(num_inputs, width)
        self.second = nn.Linear(width, width)
        self.last = nn.Linear(width, 1)
        for layer, scale in ((self.first, roughness), (self.second, 1.0), (self.last, 1.0)):
            bound = scale / layer.in_features**0.5
            for parameter in layer.parameters():
                nn.init.uniform_(parameter, -bound, bound, generator=generator)

    def forward(self, x: Tensor) -> Tensor:
        """Logits ``[N, 1]``."""
        hidden = torch.tanh(self.second(torch.tanh(self.first(2 * x - 1))))
        logits: Tensor = self.last(hidden)
        return logits
