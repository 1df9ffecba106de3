"""Pre-activation residual networks (He et al. 2016b) for small images, as robust training uses them."""

from collections.abc import Sequence

from torch import Tensor, nn
from torch.nn import functional

from advgen_ray.models.batch_norm import GlobalBatchNorm2d
from advgen_ray.models.image_classifier import ImageClassifier, Projection, convolution, linear_head

BLOCKS: dict[int, tuple[int, int, int, int]] = {18: (2, 2, 2, 2), 34: (3, 4, 6, 3)}


class PreActResNet(ImageClassifier):
    """PreActResNet-(depth): a 3x3 convolution, four stages of widths k, 2k, 4k, 8k (k = base_channels).

    Maps images ``[N, C, H, W]`` in [0, 1] to logits ``[N, num_classes]``; normalizes by its own mean and std.
    Weights are drawn from torch's generator: seed it before building.

    Args:
        image_shape: ``(C, H, W)``.
        num_classes: number of logits.
        mean: one value a channel, of images in [0, 1].
        std: likewise, positive.
        depth: 18 or 34.
        base_channels: 64 in the paper; fewer make a thin variant.
        activated_shortcuts: whether a shortcut that changes the shape starts after norm and ReLU, as in the paper.
            Some published robust models (PreActBlock, as against PreActBlockV2, in RobustBench) start it before.
        final_norm: norm and ReLU after the last stage, as in the paper; the same models do without.

    Raises ValueError for another depth, or a mean or std that does not fit the channels.
    """

    def __init__(
        self,
        image_shape: Sequence[int],
        num_classes: int,
        mean: Sequence[float],
        std: Sequence[float],
        depth: int = 18,
        base_channels: int = 64,
        activated_shortcuts: bool = True,
        final_norm: bool = True,
    ) -> None:
        super().__init__(image_shape, mean, std)
        if depth not in BLOCKS:
            raise ValueError(f"depth must be one of {', '.join(map(str, BLOCKS))}, got {depth}")
        self.stem = convolution(image_shape[0], base_channels)
        stages, in_channels = [], base_channels
        for stage, num_blocks in enumerate(BLOCKS[depth]):
            width, blocks = base_channels * 2**stage, []
            for position in range(num_blocks):
                stride = 2 if stage > 0 and position == 0 else 1
                blocks.append(_Block(in_channels, width, stride, activated_shortcuts))
                in_channels = width
            stages.append(nn.Sequential(*blocks))
        self.stages = nn.Sequential(*stages)
        self.norm = GlobalBatchNorm2d(in_channels) if final_norm else None
        self.head = linear_head(in_channels, num_classes)

    def features(self, x: Tensor) -> Tensor:
        """The last feature maps ``[N, 8k, h, w]``, an eighth of the size."""
        features = self.stages(self.stem(x))
        return features if self.norm is None else functional.relu(self.norm(features))


class _Block(nn.Module):
    """norm, ReLU, 3x3, norm, ReLU, 3x3, plus a shortcut: a 1x1 convolution where the shape changes."""

    def __init__(self, in_channels: int, out_channels: int, stride: int, activated_shortcut: bool) -> None:
        super().__init__()
        self.norm1 = GlobalBatchNorm2d(in_channels)
        self.conv1 = convolution(in_channels, out_channels, stride=stride)
        self.norm2 = GlobalBatchNorm2d(out_channels)
        self.conv2 = convolution(out_channels, out_channels)
        self.activated_shortcut = activated_shortcut
        self.shortcut: Projection | None = None
        if stride != 1 or in_channels != out_channels:
            self.shortcut = Projection(in_channels, out_channels, stride)

    def forward(self, x: Tensor) -> Tensor:
        activated = functional.relu(self.norm1(x))
        residual = self.conv2(functional.relu(self.norm2(self.conv1(activated))))
        if self.shortcut is None:
            return residual + x
        return residual + self.shortcut(activated if self.activated_shortcut else x)
