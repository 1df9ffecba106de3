"""Integrated gradients (Sundararajan et al. 2017): which pixels carry a logit, from a baseline to the image."""

from typing import NamedTuple

import torch
from torch import Tensor, nn

from advgen_ray.energy.input_gradients import value_and_gradient
from advgen_ray.energy.logits import energy_xy


class Attribution(NamedTuple):
    """``masks [N, C, H, W]``, the logit at the image and at the baseline ``[N]``, and what the masks miss ``[N]``.

    ``delta`` is the sum of a mask minus the difference of the two logits: 0 for an exact integral (completeness).
    """

    masks: Tensor
    logit: Tensor
    baseline_logit: Tensor
    delta: Tensor


def integrated_gradients(
    model: nn.Module, x: Tensor, y: Tensor, baselines: Tensor, *, num_steps: int = 50, images_at_once: int = 256
) -> Attribution:
    """Captum's integral of ``(x - b) df_y/dx`` along the line from ``b`` to ``x``, by Gauss-Legendre quadrature.

    Args:
        model: in evaluation mode, gives logits ``[N, K]``.
        x: images ``[N, C, H, W]`` in [0, 1].
        y: the class of each whose logit is explained, ``[N]``.
        baselines: ``[N, C, H, W]``; a pixel equal to its baseline gets nothing, whatever the model makes of it.
        num_steps: points of the quadrature.
        images_at_once: how many points of all images the model sees at a time: captum's default is all of them, 50
            times the batch.

    Raises:
        ValueError: a model in training mode, in which samples are not independent; no steps.
    """
    from captum.attr import IntegratedGradients  # late: it loads matplotlib

    if num_steps < 1:
        raise ValueError(f"num_steps must be at least 1, got {num_steps}")
    values, _ = value_and_gradient(model, x, lambda logits: -energy_xy(logits, y))
    before, _ = value_and_gradient(model, baselines, lambda logits: -energy_xy(logits, y))
    at_once = max(len(x), images_at_once)  # captum takes no less than a point of each
    masks = IntegratedGradients(model).attribute(
        x.detach(), baselines, target=y, n_steps=num_steps, internal_batch_size=at_once
    )
    masks = masks.detach().to(x.dtype)
    delta = masks.double().flatten(1).sum(dim=1) - (values.double() - before.double())
    return Attribution(masks, values, before, delta)


def share_on(masks: Tensor, pixels: Tensor) -> Tensor:
    """Share ``[N]`` of the absolute attribution that lies on ``pixels``, bool ``[N, 1, H, W]``; 0 where there is none.

    An attribution that knows nothing of the pixels has, on average, the share that they have of the image.
    """
    size = masks.double().abs()
    whole = size.flatten(1).sum(dim=1)
    return (size * pixels).flatten(1).sum(dim=1) / torch.where(whole > 0, whole, 1.0)


def bright(x: Tensor, above: float) -> Tensor:
    """Bool ``[N, 1, H, W]``: pixels whose mean over channels exceeds ``above``; of a digit on black, its strokes."""
    return x.mean(dim=1, keepdim=True) > above
