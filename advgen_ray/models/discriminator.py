"""The discriminator of S004 table 2.2 for images of 256 pixels, after StarGAN v2 (Choi et al. 2020)."""

import math
from collections.abc import Sequence
from itertools import pairwise

from torch import Tensor, nn
from torch.nn import functional

from advgen_ray.errors import UserError
from advgen_ray.models.image_classifier import ImageClassifier, linear_head

SLOPE = 0.2  # of every leaky ReLU
LAST_SIZE = 4  # where the blocks end and a convolution takes what is left


class Discriminator(ImageClassifier):
    """A 1x1 convolution, residual blocks that halve the image down to 4 pixels, a 4x4 convolution; nothing normalized.

    Channels double from ``base_channels`` to ``max_channels``. Raises UserError for images that are no square of 8,
    16, 32, ... pixels.
    """

    def __init__(
        self,
        image_shape: Sequence[int],
        num_classes: int,
        mean: Sequence[float],
        std: Sequence[float],
        base_channels: int = 64,
        max_channels: int = 512,
    ) -> None:
        super().__init__(image_shape, mean, std)
        channels, height, width = image_shape
        num_blocks = round(math.log2(height / LAST_SIZE))
        if height != width or height != LAST_SIZE * 2**num_blocks or num_blocks < 1:
            raise UserError(
                f"discriminator: the images are {height}x{width}, expected a square of 8, 16, 32, ... pixels; take "
                "another model.kind"
            )
        widths = [min(base_channels * 2**block, max_channels) for block in range(num_blocks + 1)]
        blocks = [_Block(narrow, wide) for narrow, wide in pairwise(widths)]
        self.layers = nn.Sequential(
            nn.Conv2d(channels, base_channels, 1),
            *blocks,
            nn.LeakyReLU(SLOPE),
            nn.Conv2d(widths[-1], widths[-1], LAST_SIZE),
            nn.LeakyReLU(SLOPE),
        )
        self.head = linear_head(widths[-1], num_classes)

    def features(self, x: Tensor) -> Tensor:
        """``[N, max_channels, 1, 1]``."""
        return self.layers(x)


class _Block(nn.Module):
    """Two convolutions after their activations, mean pooling between; the sum is scaled to keep its variance."""

    def __init__(self, channels_in: int, channels_out: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(channels_in, channels_in, 3, padding=1)
        self.second = nn.Conv2d(channels_in, channels_out, 3, padding=1)
        self.shortcut = nn.Conv2d(channels_in, channels_out, 1, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        hidden = functional.avg_pool2d(self.first(functional.leaky_relu(x, SLOPE)), 2)
        hidden = self.second(functional.leaky_relu(hidden, SLOPE))
        return (functional.avg_pool2d(self.shortcut(x), 2) + hidden) / math.sqrt(2)
