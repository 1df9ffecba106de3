"""Labels against logits: whether they name classes at all, and which wrong classes are the likeliest."""

import torch
from torch import Tensor, nn

from advgen_ray.attacks.forward import logits_of


def check_labels(labels: Tensor, logits: Tensor) -> None:
    """Raise ValueError unless ``logits`` are ``[N, K]`` with K > 1 and every label is one of their classes."""
    if logits.dim() != 2 or logits.shape[1] < 2:
        raise ValueError(f"expected logits [N, K] of at least 2 classes, got shape {list(logits.shape)}")
    low, high = (int(value) for value in torch.aminmax(labels))
    if low < 0 or high >= logits.shape[1]:
        raise ValueError(
            f"labels must lie in 0..{logits.shape[1] - 1}, the model's classes, got {low} to {high}; "
            "is this the model of another data set?"
        )


def wrong_classes(logits: Tensor, y: Tensor) -> Tensor:
    """All classes but ``y``, ``[N, K - 1]``, the likeliest first; equal logits in the order of their numbers."""
    without_label = logits.scatter(1, y[:, None], -torch.inf)
    return without_label.argsort(dim=1, descending=True, stable=True)[:, :-1]


def ranked_target(model: nn.Module, x: Tensor, y: Tensor, rank: int) -> Tensor:
    """The wrong class ``[N]`` of that rank at each of ``x`` ``[N, C, H, W]``; 0 is the likeliest."""
    return wrong_classes(logits_of(model, x), y)[:, rank]
