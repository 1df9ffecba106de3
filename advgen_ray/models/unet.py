"""The class-conditional noise prediction network of S000 section 6: a U-Net over diffused images, times and labels."""

import math
from collections.abc import Sequence

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn


class UNet(nn.Module):
    """``(x_t [N, C, H, W], t [N] in [0, 1], y [N] int64) -> [N, C, H, W]``, the noise in ``x_t``.

    ``x_t`` lives in the diffusion's space (2 * image - 1 at t = 0). ``y = num_classes`` is the null label: no class
    given. S000: 128 channels, multipliers (1, 2, 2, 2), two blocks a stage going down and coming up, attention after
    the first downsampling, in the middle and before the last upsampling (``attention_stage=1``; beyond the last
    stage the middle alone has it), groups of 32 channels. At initialisation the prediction is zero.
    """

    def __init__(
        self,
        image_shape: Sequence[int],
        num_classes: int,
        base_channels: int = 128,
        channel_multipliers: Sequence[int] = (1, 2, 2, 2),
        num_blocks: int = 2,
        attention_stage: int = 1,
        channels_per_group: int = 32,
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        self.num_classes = num_classes
        self.base_channels = base_channels
        embedding = 4 * base_channels
        widths = [base_channels * multiplier for multiplier in channel_multipliers]

        def block(channels_in: int, channels_out: int) -> _ResidualBlock:
            return _ResidualBlock(channels_in, channels_out, embedding, channels_per_group, dropout)

        def attention(stage: int) -> nn.Module:
            return _Attention(widths[stage], channels_per_group) if stage == attention_stage else nn.Identity()

        self.time = nn.Sequential(nn.Linear(base_channels, embedding), nn.SiLU(), nn.Linear(embedding, embedding))
        self.label = nn.Embedding(num_classes + 1, embedding)
        self.first = nn.Conv2d(image_shape[0], base_channels, 3, padding=1)
        self.down, self.up = nn.ModuleList(), nn.ModuleList()
        for stage, width in enumerate(widths):
            entering = widths[stage - 1] if stage > 0 else base_channels
            blocks = [block(entering if i == 0 else width, width) for i in range(num_blocks)]
            self.down.append(_DownStage(blocks, attention(stage), entering if stage > 0 else None))
        for stage, width in reversed(list(enumerate(widths))):
            entering = widths[min(stage + 1, len(widths) - 1)]
            blocks = [block(width + (entering if i == 0 else width), width) for i in range(num_blocks)]
            self.up.append(_UpStage(blocks, attention(stage), entering if stage + 1 < len(widths) else None))
        self.enter_middle = block(widths[-1], widths[-1])
        self.middle_attention = _Attention(widths[-1], channels_per_group)
        self.leave_middle = block(widths[-1], widths[-1])
        self.last = nn.Sequential(
            _group_norm(widths[0], channels_per_group),
            nn.SiLU(),
            _zero(nn.Conv2d(widths[0], image_shape[0], 3, padding=1)),
        )
        # The layout of the weights decides that of every activation: in this one a training step takes four fifths of
        # the time on a CPU, and GPUs want it for bf16.
        self.to(memory_format=torch.channels_last)  # type: ignore[call-overload]

    def forward(self, x_t: Tensor, t: Tensor, y: Tensor) -> Tensor:
        """The noise in ``x_t``; shapes as in the class's docstring."""
        condition = F.silu(self.time(_sinusoids(999 * t, self.base_channels)) + self.label(y))
        x = self.first(x_t)
        skips: list[Tensor] = []
        for stage in self.down:
            x = stage(x, condition, skips)
        x = self.enter_middle(x, condition)
        x = self.leave_middle(self.middle_attention(x), condition)
        for stage in self.up:
            x = stage(x, condition, skips)
        return self.last(x)


class _DownStage(nn.Module):
    """One resolution going down: halve (``shrinking`` channels; None in the first stage), blocks, attention."""

    def __init__(self, blocks: Sequence[nn.Module], attention: nn.Module, shrinking: int | None) -> None:
        super().__init__()
        self.blocks, self.attention = nn.ModuleList(blocks), attention
        self.resize = nn.Conv2d(shrinking, shrinking, 3, stride=2, padding=1) if shrinking else nn.Identity()

    def forward(self, x: Tensor, condition: Tensor, skips: list[Tensor]) -> Tensor:
        """Leaves every block's output on ``skips``."""
        x = self.resize(x)
        for block in self.blocks:
            x = block(x, condition)
            skips.append(x)
        return self.attention(x)


class _UpStage(nn.Module):
    """One resolution coming up: grow to the skip (``growing`` channels; None at the bottom), blocks, attention."""

    def __init__(self, blocks: Sequence[nn.Module], attention: nn.Module, growing: int | None) -> None:
        super().__init__()
        self.blocks, self.attention = nn.ModuleList(blocks), attention
        self.resize = nn.Conv2d(growing, growing, 3, padding=1) if growing else nn.Identity()

    def forward(self, x: Tensor, condition: Tensor, skips: list[Tensor]) -> Tensor:
        """Takes one of ``skips`` for every block, last in first out."""
        # Sizes that are odd on the way (28, 14, 7, 4) have no exact double: the skip knows where it came from.
        x = self.resize(F.interpolate(x, size=skips[-1].shape[2:], mode="nearest"))
        for block in self.blocks:
            x = block(torch.cat([x, skips.pop()], dim=1), condition)
        return self.attention(x)


class _ResidualBlock(nn.Module):
    def __init__(
        self, channels_in: int, channels_out: int, embedding: int, channels_per_group: int, dropout: float
    ) -> None:
        super().__init__()
        self.enter = nn.Sequential(
            _group_norm(channels_in, channels_per_group), nn.SiLU(), nn.Conv2d(channels_in, channels_out, 3, padding=1)
        )
        self.condition = nn.Linear(embedding, channels_out)
        self.leave = nn.Sequential(
            _group_norm(channels_out, channels_per_group),
            nn.SiLU(),
            nn.Dropout(dropout),
            _zero(nn.Conv2d(channels_out, channels_out, 3, padding=1)),
        )
        self.shortcut = nn.Identity() if channels_in == channels_out else nn.Conv2d(channels_in, channels_out, 1)

    def forward(self, x: Tensor, condition: Tensor) -> Tensor:
        hidden = self.enter(x) + self.condition(condition)[:, :, None, None]
        return self.shortcut(x) + self.leave(hidden)


class _Attention(nn.Module):
    """Self-attention over positions, one head, as a residual."""

    def __init__(self, channels: int, channels_per_group: int) -> None:
        super().__init__()
        self.norm = _group_norm(channels, channels_per_group)
        self.query_key_value = nn.Conv2d(channels, 3 * channels, 1)
        self.out = _zero(nn.Conv2d(channels, channels, 1))

    def forward(self, x: Tensor) -> Tensor:
        tokens = self.query_key_value(self.norm(x)).flatten(2).transpose(1, 2)  # [N, H * W, 3 C]
        query, key, value = tokens.chunk(3, dim=-1)
        mixed = F.scaled_dot_product_attention(query, key, value)
        return x + self.out(mixed.transpose(1, 2).reshape(x.shape))


def _group_norm(channels: int, channels_per_group: int) -> nn.GroupNorm:
    """Groups of ``channels_per_group`` channels, or of the largest smaller size that divides them evenly."""
    size = next(size for size in range(min(channels_per_group, channels), 0, -1) if channels % size == 0)
    return nn.GroupNorm(channels // size, channels, eps=1e-6)


def _zero(layer: nn.Conv2d) -> nn.Conv2d:
    nn.init.zeros_(layer.weight)
    if layer.bias is not None:
        nn.init.zeros_(layer.bias)
    return layer


def _sinusoids(positions: Tensor, size: int) -> Tensor:
    """Sines and cosines of ``positions [N]`` at ``size / 2`` frequencies from 1 to 1/10000, ``[N, size]``."""
    half = size // 2
    frequencies = torch.exp(-math.log(10_000) / max(half - 1, 1) * torch.arange(half, device=positions.device))
    angles = positions.float()[:, None] * frequencies
    return F.pad(torch.cat([angles.sin(), angles.cos()], dim=1), (0, size - 2 * half))
