"""What Square tries: a start and a change of one window, from uniform draws; in Linf, and in L2 and L1."""

import math
from collections.abc import Sequence
from functools import lru_cache

import torch
from torch import Tensor

from advgen_ray.attacks.live_rows import per_sample
from advgen_ray.attacks.threat_model import L1, L2, Linf, radius_within_rounding

MIN_PATTERN = 3  # the smallest window of a pattern, in pixels


class Stripes:
    """Linf (section 3.2): windows of colour ``x +- eps``, from a start of vertical stripes."""

    def __init__(self, ball: Linf, image_shape: Sequence[int]) -> None:
        num_channels, self.height, self.width = image_shape
        self.eps = ball.eps
        self.start_draws = (num_channels, 1, self.width)
        self.query_draws = 2 + num_channels

    def start(self, x: Tensor, draws: Tensor) -> Tensor:
        """Each column of each channel at ``x + eps`` or ``x - eps``."""
        return (x + self.eps * _signs(draws)).clamp_(0.0, 1.0)

    def propose(self, x: Tensor, x_best: Tensor, share: float, draws: Tensor) -> Tensor:
        """``x_best`` with one window at ``x + eps`` or ``x - eps``, by channel."""
        size = min(max(round(math.sqrt(share * self.height * self.width)), 1), self.height, self.width)
        place, colour = _place(x, size, draws[:, :2]), self.eps * _signs(draws[:, 2:])[:, :, None, None]
        candidate = x_best.clone()
        _windows(candidate, size)[place] = (_windows(x, size)[place] + colour).clamp_(0.0, 1.0)
        return candidate


class Patterns:
    """L2 and L1 (section 3.3): a window of two opposite pyramids, paid for with what a second window held."""

    def __init__(self, ball: L1 | L2, image_shape: Sequence[int]) -> None:
        self.num_channels, self.height, self.width = image_shape
        self.ball, self.order = ball, 1 if isinstance(ball, L1) else 2
        self.tile = max(1, min(self.height, self.width) // 5)
        num_tiles = (self.height // self.tile) * (self.width // self.tile)
        self.start_draws = (num_tiles, 1 + self.num_channels)
        self.query_draws = 5 + self.num_channels

    def start(self, x: Tensor, draws: Tensor) -> Tensor:
        """A grid of patterns, each with its own direction and signs, as far out as the ball reaches."""
        rows, columns = self.height // self.tile, self.width // self.tile
        tiles = self._patterns(self.tile, draws.flatten(0, 1), x)  # [N T, C, s, s]
        grid = tiles.view(len(x), rows, columns, self.num_channels, self.tile, self.tile).permute(0, 3, 1, 4, 2, 5)
        top, left = (self.height - rows * self.tile) // 2, (self.width - columns * self.tile) // 2
        delta = torch.zeros_like(x)
        delta[:, :, top : top + rows * self.tile, left : left + columns * self.tile] = grid.flatten(4, 5).flatten(2, 3)
        return self._to_surface(delta, x)

    def propose(self, x: Tensor, x_best: Tensor, share: float, draws: Tensor) -> Tensor:
        """Empty the second window and put into the first its old change plus a pattern, with the mass of both."""
        size = max(round(math.sqrt(share * self.height * self.width)), MIN_PATTERN)
        size = min(size + 1 - size % 2, self.height, self.width)
        first, second = _place(x, size, draws[:, :2]), _place(x, size, draws[:, 2:4])
        delta = x_best - x
        unused = (self.ball.eps**self.order - self._mass(delta).sum(dim=1, keepdim=True)).clamp_(min=0.0)
        windows = _windows(delta, size)
        old = windows[first]
        windows[first] = 0.0
        held = self._mass(old) + self._mass(windows[second])  # [N, C, 1, 1]; the overlap counts once
        windows[second] = 0.0

        new = self._patterns(size, draws[:, 4:], x) + old / (self._norm(old) + 1e-12)
        mass = unused / self.num_channels + held
        if self.order == 1:
            mass = self.num_channels * mass  # AutoAttack's: the projection settles what the ball cannot hold
        windows[first] = new / (self._norm(new) + 1e-12) * mass.pow(1 / self.order)
        return self._to_surface(delta, x)

    def _patterns(self, size: int, draws: Tensor, x: Tensor) -> Tensor:
        """``[M, C, size, size]`` from draws ``[M, 1 + C]``: upright or on its side, and a sign for each channel."""
        pair = _pattern_pair(size, self.order, x.device)
        return pair[(draws[:, 0] < 0.5).long()][:, None] * _signs(draws[:, 1:])[:, :, None, None]

    def _mass(self, delta: Tensor) -> Tensor:
        """``sum |delta|^order`` of each channel, ``[N, C, 1, 1]``."""
        return (delta.square() if self.order == 2 else delta.abs()).sum(dim=(2, 3), keepdim=True)

    def _norm(self, delta: Tensor) -> Tensor:
        return self._mass(delta).pow(1 / self.order)

    def _to_surface(self, delta: Tensor, x: Tensor) -> Tensor:
        if isinstance(self.ball, L1):
            return self.ball.project(x + delta, x)
        length = per_sample(torch.linalg.vector_norm(delta.flatten(1), dim=1), x)
        return torch.addcmul(x, delta, radius_within_rounding(self.ball.eps, x) / (length + 1e-12)).clamp_(0.0, 1.0)


def _signs(draws: Tensor) -> Tensor:
    return torch.where(draws < 0.5, -1.0, 1.0)


def _windows(images: Tensor, size: int) -> Tensor:
    """A view ``[N, C, rows, columns, size, size]`` of all windows; writing to one writes to the images."""
    return images.unfold(2, size, 1).unfold(3, size, 1)


def _place(x: Tensor, size: int, draws: Tensor) -> tuple[Tensor, slice, Tensor, Tensor]:
    """The index of one window a sample, its place drawn uniformly (``[N, 2]``) from all there are."""
    row, column = ((draws[:, axis] * (x.shape[2 + axis] - size + 1)).long() for axis in (0, 1))
    return torch.arange(len(x), device=x.device), slice(None), row, column


@lru_cache(maxsize=64)
def _pattern_pair(size: int, order: int, device: torch.device) -> Tensor:
    """``[2, size, size]``: a pyramid above its opposite, then the same on its side; norm one."""
    upper = size // 2
    pattern = torch.cat([_pyramid(upper, size, order), -_pyramid(size - upper, size, order)])
    pattern = pattern / torch.linalg.vector_norm(pattern, order)
    return torch.stack([pattern, pattern.T]).to(device)


def _pyramid(height: int, width: int, order: int) -> Tensor:
    """Nested squares about the middle: ``sum_{k >= d} (k + 1)^-(6 - 2 order)`` at Chebyshev distance ``d`` from it."""
    if height == 0:
        return torch.zeros(0, width)
    levels = torch.arange(1, max(height // 2, width // 2) + 2, dtype=torch.float64).pow(-(6 - 2 * order))
    heights = levels.flip(0).cumsum(0).flip(0)
    rows, columns = (torch.arange(length) - length // 2 for length in (height, width))
    pyramid = heights[torch.maximum(rows.abs()[:, None], columns.abs()[None, :])]
    return (pyramid / torch.linalg.vector_norm(pyramid, order)).float()
