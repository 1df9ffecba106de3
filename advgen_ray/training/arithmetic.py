"""What a network takes: the arithmetic of one image's way forward, and how many weights it has."""

from typing import Any, NamedTuple

import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from advgen_ray.models.unet import UNet


class Network(NamedTuple):
    """Floating-point operations of one image's way forward, and how many weights there are."""

    flops: float
    num_weights: int


@torch.no_grad()
def count(model: type[nn.Module], architecture: dict[str, Any]) -> Network:
    """Of a model described by its constructor's arguments, on one image of zeros; torch's own draws are not touched."""
    with torch.random.fork_rng(devices=[]):
        network = model(**architecture).eval()
    image = torch.zeros(1, *architecture["image_shape"])
    inputs = (image, torch.zeros(1), torch.zeros(1, dtype=torch.long)) if model is UNet else (image,)
    with FlopCounterMode(display=False) as counter:
        network(*inputs)
    return Network(float(counter.get_total_flops()), sum(weights.numel() for weights in network.parameters()))
