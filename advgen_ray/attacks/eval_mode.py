"""Evaluation mode for a while: an attack must neither move batch-norm statistics nor draw dropout masks."""

from collections.abc import Iterator
from contextlib import contextmanager

from torch import nn


@contextmanager
def eval_mode(model: nn.Module) -> Iterator[None]:
    """Put every module in evaluation mode; afterwards, also after an exception, each is in its former mode.

    Each module's own flag is restored, so a layer that was kept in evaluation mode on purpose stays there.
    """
    in_training = [module for module in model.modules() if module.training]
    model.eval()
    try:
        yield
    finally:
        for module in in_training:
            module.training = True
