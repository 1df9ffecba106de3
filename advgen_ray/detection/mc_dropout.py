"""A classifier's uncertainty as the spread of its predictions under dropout (Gal 2016; Feinman et al. 2017)."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import count

import torch
from torch import Tensor, nn

from advgen_ray.attacks.eval_mode import eval_mode
from advgen_ray.rng import Item, Stream


@torch.no_grad()
def bayesian_uncertainty(
    model: nn.Module, x: Tensor, item_ids: Sequence[Item], stream: Stream, num_passes: int = 50
) -> Tensor:
    """Variance of the softmax over ``num_passes`` dropout masks, summed over classes: ``[N]`` in [0, 1].

    ``U(x) = mean |p|^2 - |mean p|^2`` (Feinman et al. 2017 section 4.2). Everything but dropout is in evaluation
    mode. Masks are drawn per item from ``stream``, so that an image's value does not depend on its batch; they cost one
    draw for each element that passes a dropout layer. Raises ValueError for a model without ``nn.Dropout`` of a rate
    above zero, whose uncertainty would be zero everywhere: such a model has its density alone.
    """
    if len(item_ids) != len(x):
        raise ValueError(f"every image needs one id, got {len(item_ids)} ids for {len(x)} images")
    return _spread(model, x, item_ids, stream, num_passes)


def shared_mask_uncertainty(model: nn.Module, x: Tensor, stream: Stream, num_passes: int = 50) -> Tensor:
    """As ``bayesian_uncertainty``, all images under the same ``num_passes`` masks, ``[N]``: a function of ``x`` alone.

    Gradients flow back to ``x``, so that an attack can know it. Raises ValueError for a model without dropout.
    """
    return _spread(model, x, ["every image"], stream, num_passes)


def _spread(model: nn.Module, x: Tensor, item_ids: Sequence[Item], stream: Stream, num_passes: int) -> Tensor:
    if not has_dropout(model):
        raise ValueError("the model has no dropout, so its predictions have no spread: use the kernel density alone")
    with eval_mode(model), _keyed_dropout(model, item_ids, stream):
        passes = torch.stack([model(x).softmax(dim=1) for _ in range(num_passes)])
    return passes.double().var(dim=0, correction=0).sum(dim=1)


def has_dropout(model: nn.Module) -> bool:
    """Whether any ``nn.Dropout`` of the model drops anything."""
    return any(isinstance(module, nn.Dropout) and module.p > 0 for module in model.modules())


@contextmanager
def _keyed_dropout(model: nn.Module, item_ids: Sequence[Item], stream: Stream) -> Iterator[None]:
    """Drop in evaluation mode, where dropout is the identity; every call of a layer draws from its own step."""
    steps = count()

    def drop(output: Tensor, rate: float) -> Tensor:
        if rate == 1:
            return torch.zeros_like(output)
        kept = stream.uniform(item_ids, output.shape[1:], next(steps)).to(output.device) >= rate
        return output * kept / (1 - rate)

    layers = [module for module in model.modules() if isinstance(module, nn.Dropout) and module.p > 0]
    hooks = [
        layer.register_forward_hook(lambda module, arguments, output, rate=layer.p: drop(output, rate))
        for layer in layers
    ]
    try:
        yield
    finally:
        for hook in hooks:
            hook.remove()
