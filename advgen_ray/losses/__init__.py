"""Training losses, one published method a file; each returns the same two terms."""

from typing import NamedTuple, Protocol

from torch import Tensor

from advgen_ray.attacks.objectives import Objective


class LossTerms(NamedTuple):
    """What a loss hands back: a scalar to differentiate, and detached scalar tensors to log by name."""

    loss: Tensor
    metrics: dict[str, Tensor]


class InnerAttack(Protocol):
    """The inner maximisation of a loss, bound to the bare module in evaluation mode.

    A loss forwards its model once a step and in training mode, since a DDP wrapper allows one forward a backward. All
    that the attack needs of the model, the logits that TRADES starts from included, goes past the wrapper, here.
    """

    def __call__(self, x: Tensor, objective: Objective) -> Tensor:
        """Images ``[N, C, H, W]`` near ``x`` at which ``objective`` is high, detached."""

    def logits(self, x: Tensor) -> Tensor:
        """``[N, K]`` without a graph."""
