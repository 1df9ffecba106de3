"""Training losses, one published method a file; each returns the same two terms."""

from typing import NamedTuple

from torch import Tensor


class LossTerms(NamedTuple):
    """What a loss hands back: a scalar to differentiate, and detached scalar tensors to log by name."""

    loss: Tensor
    metrics: dict[str, Tensor]
