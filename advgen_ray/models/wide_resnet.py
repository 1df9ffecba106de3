"""Wide residual networks with pre-activation blocks (Zagoruyko and Komodakis 2016), for images from 8x8 up."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from advgen_ray.models.batch_norm import GlobalBatchNorm2d


class WideResNet(nn.Module):
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

    mean: Tensor
    std: Tensor

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
        super().__init__()
        if depth < 10 or (depth - 4) % 6:
            raise ValueError(f"depth must be 6n + 4 (10, 16, 22, 28, 34, 40, ...), got {depth}")
        if len(mean) != image_shape[0] or len(std) != image_shape[0] or min(std) <= 0:
            raise ValueError(
                f"mean and std need one value for each of {image_shape[0]} channels, std positive; "
                f"got {list(mean)} and {list(std)}"
            )
        self.image_shape = tuple(image_shape)
        self.register_buffer("mean", torch.tensor(mean, dtype=torch.float32).view(-1, 1, 1))
        self.register_buffer("std", torch.tensor(std, dtype=torch.float32).view(-1, 1, 1))
        num_blocks = (depth - 4) // 6
        width = base_channels * widen_factor
        self.stem = _conv3x3(image_shape[0], base_channels)
        self.stages = nn.Sequential(
            _stage(base_channels, width, num_blocks, stride=1, dropout=dropout),
            _stage(width, 2 * width, num_blocks, stride=2, dropout=dropout),
            _stage(2 * width, 4 * width, num_blocks, stride=2, dropout=dropout),
        )
        self.norm = GlobalBatchNorm2d(4 * width)
        self.head = nn.Linear(4 * width, num_classes)
        nn.init.zeros_(self.head.bias)

    def forward(self, x: Tensor) -> Tensor:
        """Logits ``[N, K]`` of images ``[N, C, H, W]`` in [0, 1]; raises ValueError for another image shape."""
        if x.shape[1:] != self.image_shape:
            raise ValueError(f"expected images [N, {', '.join(map(str, self.image_shape))}], got {list(x.shape)}")
        features = self.stages(self.stem((x - self.mean) / self.std))
        features = functional.relu(self.norm(features))
        return self.head(features.mean(dim=(2, 3)))


class _Block(nn.Module):
    """norm, ReLU, 3x3, norm, ReLU, dropout, 3x3, plus a shortcut.

    Where the shape changes, the shortcut is a 1x1 convolution of the activated input, of the same stride as the
    first convolution; elsewhere it is the input itself.
    """

    def __init__(self, in_channels: int, out_channels: int, stride: int, dropout: float) -> None:
        super().__init__()
        self.norm1 = GlobalBatchNorm2d(in_channels)
        self.conv1 = _conv3x3(in_channels, out_channels, stride)
        self.norm2 = GlobalBatchNorm2d(out_channels)
        self.dropout = nn.Dropout(dropout)
        self.conv2 = _conv3x3(out_channels, out_channels)
        self.stride = stride
        self.shortcut: nn.Conv2d | None = None
        if stride != 1 or in_channels != out_channels:
            self.shortcut = _he_normal(nn.Conv2d(in_channels, out_channels, 1, bias=False))

    def forward(self, x: Tensor) -> Tensor:
        activated = functional.relu(self.norm1(x))
        residual = self.conv2(self.dropout(functional.relu(self.norm2(self.conv1(activated)))))
        if self.shortcut is None:
            return residual + x
        # Not a convolution of that stride: on narrow channels_last inputs its weight gradient writes past its
        # memory on CPUs (oneDNN issue 6035). Dropping the pixels first is the same and safe.
        return residual + self.shortcut(activated[:, :, :: self.stride, :: self.stride])


def _stage(in_channels: int, out_channels: int, num_blocks: int, *, stride: int, dropout: float) -> nn.Sequential:
    first = _Block(in_channels, out_channels, stride, dropout)
    rest = (_Block(out_channels, out_channels, 1, dropout) for _ in range(num_blocks - 1))
    return nn.Sequential(first, *rest)


def _conv3x3(in_channels: int, out_channels: int, stride: int = 1) -> nn.Conv2d:
    return _he_normal(nn.Conv2d(in_channels, out_channels, 3, stride, padding=1, bias=False))


def _he_normal(conv: nn.Conv2d) -> nn.Conv2d:
    nn.init.kaiming_normal_(conv.weight, mode="fan_out", nonlinearity="relu")
    # The layout of the weights decides that of every activation. Adversarial training steps on 8x8 images take a
    # fourth less time in this one on a CPU, and GPUs want it for bf16.
    conv.weight = nn.Parameter(conv.weight.detach().contiguous(memory_format=torch.channels_last))
    return conv
