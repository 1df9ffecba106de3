"""Wide residual networks with pre-activation blocks (Zagoruyko and Komodakis 2016), for images from 8x8 up."""

from collections.abc import Sequence

from torch import Tensor, nn
from torch.nn import functional

from advgen_ray.models.batch_norm import GlobalBatchNorm2d
from advgen_ray.models.image_classifier import ImageClassifier, Projection, convolution, linear_head


class WideResNet(ImageClassifier):
    """WRN-(depth)-(widen_factor): three stages of widths k, 2k, 4k (k = base_channels * widen_factor).

    Maps images ``[N, C, H, W]`` in [0, 1] to logits ``[N, num_classes]``; normalizes by its own mean and std.
    Weights are drawn from torch's generator: seed it before building. WRN-40-2 is S000's classifier.

    Args:
        image_shape: ``(C, H, W)``; H and W at least 4.
        num_classes: number of logits.
        mean: one value a channel, of images in [0, 1].
        std: likewise, positive.
        depth: convolutions on the longest path, 6n + 4: each stage has n blocks.
        widen_factor: the "2" of WRN-40-2.
        base_channels: channels of the first convolution, 16 in the paper.
        dropout: probability of zeroing an element between the two convolutions of a block, in [0, 1).

    Raises ValueError for a depth that is not 6n + 4, or a mean or std that does not fit the channels.
    """

    def __init__(
        self,
        image_shape: Sequence[int],
        num_classes: int,
        mean: Sequence[float],
        std: Sequence[float],
        depth: int,
        widen_factor: int,
        base_channels: int = 16,
        dropout: float = 0.0,
    ) -> None:
        super().__init__(image_shape, mean, std)
        if depth < 10 or (depth - 4) % 6:
            raise ValueError(f"depth must be 6n + 4 (10, 16, 22, 28, 34, 40, ...), got {depth}")
        num_blocks = (depth - 4) // 6
        width = base_channels * widen_factor
        self.stem = convolution(image_shape[0], base_channels)
        self.stages = nn.Sequential(
            _stage(base_channels, width, num_blocks, stride=1, dropout=dropout),
            _stage(width, 2 * width, num_blocks, stride=2, dropout=dropout),
            _stage(2 * width, 4 * width, num_blocks, stride=2, dropout=dropout),
        )
        self.norm = GlobalBatchNorm2d(4 * width)
        self.head = linear_head(4 * width, num_classes)

    def features(self, x: Tensor) -> Tensor:
        """The last feature maps ``[N, 4k, h, w]``, a fourth of the size."""
        return functional.relu(self.norm(self.stages(self.stem(x))))


class _Block(nn.Module):
    """norm, ReLU, 3x3, norm, ReLU, dropout, 3x3, plus a shortcut.

    Where the shape changes, the shortcut is a 1x1 convolution of the activated input, of the same stride as the
    first convolution; elsewhere it is the input itself.
    """

    def __init__(self, in_channels: int, out_channels: int, stride: int, dropout: float) -> None:
        super().__init__()
        self.norm1 = GlobalBatchNorm2d(in_channels)
        self.conv1 = convolution(in_channels, out_channels, stride=stride)
        self.norm2 = GlobalBatchNorm2d(out_channels)
        self.dropout = nn.Dropout(dropout)
        self.conv2 = convolution(out_channels, out_channels)
        self.shortcut: Projection | None = None
        if stride != 1 or in_channels != out_channels:
            self.shortcut = Projection(in_channels, out_channels, stride)

    def forward(self, x: Tensor) -> Tensor:
        activated = functional.relu(self.norm1(x))
        residual = self.conv2(self.dropout(functional.relu(self.norm2(self.conv1(activated)))))
        return residual + (x if self.shortcut is None else self.shortcut(activated))


def _stage(in_channels: int, out_channels: int, num_blocks: int, *, stride: int, dropout: float) -> nn.Sequential:
    first = _Block(in_channels, out_channels, stride, dropout)
    rest = (_Block(out_channels, out_channels, 1, dropout) for _ in range(num_blocks - 1))
    return nn.Sequential(first, *rest)
