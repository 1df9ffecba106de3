"""What the classifiers share: their own normalization, layers whose memory layout is fast, and a head in float32."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn


class ImageClassifier(nn.Module):
    """Maps images ``[N, C, H, W]`` in [0, 1] to logits ``[N, num_classes]``; normalizes by its own mean and std.

    A subclass builds its layers, ``head`` last, and gives ``features``. Weights are drawn from torch's generator: seed
    it before building. Raises ValueError for a mean or std that does not fit the channels.
    """

    mean: Tensor
    std: Tensor
    head: nn.Linear

    def __init__(self, image_shape: Sequence[int], mean: Sequence[float], std: Sequence[float]) -> None:
        super().__init__()
        if len(mean) != image_shape[0] or len(std) != image_shape[0] or min(std) <= 0:
            raise ValueError(
                f"mean and std need one value for each of {image_shape[0]} channels, std positive; "
                f"got {list(mean)} and {list(std)}"
            )
        self.image_shape = tuple(image_shape)
        self.register_buffer("mean", torch.tensor(mean, dtype=torch.float32).view(-1, 1, 1))
        self.register_buffer("std", torch.tensor(std, dtype=torch.float32).view(-1, 1, 1))

    def features(self, x: Tensor) -> Tensor:
        """The last feature maps ``[N, F, h, w]`` of normalized images."""
        raise NotImplementedError

    def forward(self, x: Tensor) -> Tensor:
        """Logits ``[N, K]`` of images ``[N, C, H, W]`` in [0, 1]; raises ValueError for another image shape."""
        if x.shape[1:] != self.image_shape:
            raise ValueError(f"expected images [N, {', '.join(map(str, self.image_shape))}], got {list(x.shape)}")
        features = self.features((x - self.mean) / self.std)
        # Under autocast too the logits are float32: in bf16 those of -20 and -20.05 are one, and energies are sums of
        # them.
        with torch.autocast(x.device.type, enabled=False):
            return self.head(features.float().mean(dim=(2, 3)))


class Projection(nn.Conv2d):
    """The 1x1 convolution of a shortcut that changes the shape.

    It drops the pixels of its stride first. As a convolution of that stride, its weight gradient writes past its
    memory on CPUs where the inputs are narrow and channels_last (oneDNN issue 6035); this is the same and safe.
    """

    def __init__(self, in_channels: int, out_channels: int, stride: int) -> None:
        super().__init__(in_channels, out_channels, 1, bias=False)
        self.keep_every = stride
        _he_normal(self)

    def forward(self, x: Tensor) -> Tensor:
        """``[N, C, H, W]`` to ``[N, out_channels, ceil(H / stride), ceil(W / stride)]``."""
        return super().forward(x[:, :, :: self.keep_every, :: self.keep_every])


def convolution(in_channels: int, out_channels: int, kernel_size: int = 3, stride: int = 1) -> nn.Conv2d:
    """A convolution without bias that keeps the size (at stride 1), as every network here has it."""
    return _he_normal(nn.Conv2d(in_channels, out_channels, kernel_size, stride, padding=kernel_size // 2, bias=False))


def linear_head(in_features: int, num_classes: int) -> nn.Linear:
    """The last layer, its bias zero."""
    head = nn.Linear(in_features, num_classes)
    nn.init.zeros_(head.bias)
    return head


def _he_normal(conv: nn.Conv2d) -> nn.Conv2d:
    nn.init.kaiming_normal_(conv.weight, mode="fan_out", nonlinearity="relu")
    # The layout of the weights decides that of every activation. Adversarial training steps on 8x8 images take a
    # fourth less time in this one on a CPU, and GPUs want it for bf16.
    conv.weight = nn.Parameter(conv.weight.detach().contiguous(memory_format=torch.channels_last))
    return conv
