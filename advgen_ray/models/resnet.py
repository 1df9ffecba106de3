"""Residual networks (He et al. 2016a) in the variant for small images, and with ImageNet's stem for larger ones."""

from collections.abc import Sequence
from typing import Literal

from torch import Tensor, nn
from torch.nn import functional

from advgen_ray.models.batch_norm import GlobalBatchNorm2d
from advgen_ray.models.image_classifier import ImageClassifier, Projection, convolution, linear_head

BLOCKS: dict[int, tuple[int, int, int, int]] = {18: (2, 2, 2, 2), 34: (3, 4, 6, 3), 50: (3, 4, 6, 3)}
BOTTLENECK_FROM = 50
EXPANSION = 4  # of a bottleneck: its output over its 3x3 convolution


class ResNet(ImageClassifier):
    """ResNet-(depth): a stem, four stages of widths k, 2k, 4k, 8k (k = base_channels), each halving the size but one.

    Maps images ``[N, C, H, W]`` in [0, 1] to logits ``[N, num_classes]``; normalizes by its own mean and std.
    Weights are drawn from torch's generator: seed it before building. ResNet-18 is S001's classifier.

    Args:
        image_shape: ``(C, H, W)``.
        num_classes: number of logits.
        mean: one value a channel, of images in [0, 1].
        std: likewise, positive.
        depth: 18 or 34 (blocks of two 3x3 convolutions) or 50 (bottlenecks).
        base_channels: 64 in the paper; fewer make a thin variant.
        stem: ``small_images`` is a 3x3 convolution; ``imagenet`` a 7x7 one and a pooling, which quarter the size.

    Raises ValueError for another depth or stem, or a mean or std that does not fit the channels.
    """

    def __init__(
        self,
        image_shape: Sequence[int],
        num_classes: int,
        mean: Sequence[float],
        std: Sequence[float],
        depth: int = 18,
        base_channels: int = 64,
        stem: Literal["small_images", "imagenet"] = "small_images",
    ) -> None:
        super().__init__(image_shape, mean, std)
        if depth not in BLOCKS:
            raise ValueError(f"depth must be one of {', '.join(map(str, BLOCKS))}, got {depth}")
        if stem not in ("small_images", "imagenet"):
            raise ValueError(f"stem must be small_images or imagenet, got {stem!r}")
        block, expansion = (_Bottleneck, EXPANSION) if depth >= BOTTLENECK_FROM else (_Block, 1)
        kernel_size, stride = (7, 2) if stem == "imagenet" else (3, 1)
        self.stem = nn.Sequential(
            convolution(image_shape[0], base_channels, kernel_size, stride),
            GlobalBatchNorm2d(base_channels),
            nn.ReLU(),
            nn.MaxPool2d(3, 2, padding=1) if stem == "imagenet" else nn.Identity(),
        )
        stages, in_channels = [], base_channels
        for stage, num_blocks in enumerate(BLOCKS[depth]):
            width = base_channels * 2**stage
            blocks: list[nn.Module] = []
            for position in range(num_blocks):
                blocks.append(block(in_channels, width, 2 if stage > 0 and position == 0 else 1))
                in_channels = width * expansion
            stages.append(nn.Sequential(*blocks))
        self.stages = nn.Sequential(*stages)
        self.head = linear_head(in_channels, num_classes)

    def features(self, x: Tensor) -> Tensor:
        """The last feature maps ``[N, 8k, h, w]``, ``[N, 32k, h, w]`` for depth 50."""
        return self.stages(self.stem(x))


class _Shortcut(nn.Sequential):
    """A 1x1 convolution and a norm where the shape changes; elsewhere nothing, the input itself."""

    def __init__(self, in_channels: int, out_channels: int, stride: int) -> None:
        changes = stride != 1 or in_channels != out_channels
        super().__init__(
            *([Projection(in_channels, out_channels, stride), GlobalBatchNorm2d(out_channels)] if changes else [])
        )


class _Block(nn.Module):
    """3x3, norm, ReLU, 3x3, norm, plus the shortcut, ReLU."""

    def __init__(self, in_channels: int, width: int, stride: int) -> None:
        super().__init__()
        self.conv1 = convolution(in_channels, width, stride=stride)
        self.norm1 = GlobalBatchNorm2d(width)
        self.conv2 = convolution(width, width)
        self.norm2 = GlobalBatchNorm2d(width)
        self.shortcut = _Shortcut(in_channels, width, stride)

    def forward(self, x: Tensor) -> Tensor:
        hidden = functional.relu(self.norm1(self.conv1(x)))
        return functional.relu(self.norm2(self.conv2(hidden)) + self.shortcut(x))


class _Bottleneck(nn.Module):
    """1x1, 3x3 (which takes the stride), 1x1 to four times the width, norms between, plus the shortcut, ReLU."""

    def __init__(self, in_channels: int, width: int, stride: int) -> None:
        super().__init__()
        self.conv1 = convolution(in_channels, width, 1)
        self.norm1 = GlobalBatchNorm2d(width)
        self.conv2 = convolution(width, width, stride=stride)
        self.norm2 = GlobalBatchNorm2d(width)
        self.conv3 = convolution(width, EXPANSION * width, 1)
        self.norm3 = GlobalBatchNorm2d(EXPANSION * width)
        self.shortcut = _Shortcut(in_channels, EXPANSION * width, stride)

    def forward(self, x: Tensor) -> Tensor:
        hidden = functional.relu(self.norm1(self.conv1(x)))
        hidden = functional.relu(self.norm2(self.conv2(hidden)))
        return functional.relu(self.norm3(self.conv3(hidden)) + self.shortcut(x))
