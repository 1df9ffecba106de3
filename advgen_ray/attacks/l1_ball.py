"""The L1 ball inside the box [0, 1]: nearest points and steps (Croce and Hein 2021, "Mind the box!")."""

import math

import torch
from torch import Tensor


def project_l1(x_adv: Tensor, x: Tensor, eps: float) -> Tensor:
    """The point of ``{z in [0, 1]: |z - x|_1 <= eps}`` nearest to ``x_adv`` in L2, for ``x`` in [0, 1].

    With ``v = x_adv - x`` and ``room`` the way from ``x`` to the face of the box on ``v``'s side, the nearest
    perturbation is ``sign(v) clamp(|v| - threshold, 0, room)`` with the smallest threshold ``>= 0`` that brings its
    norm, piecewise linear in the threshold, down to ``eps``: found from its sorted kinks, not by iteration.
    Points within the ball come back clipped and otherwise unchanged; the others as much inside as rounding may
    move them, so that the norm of a float32 result, taken in float64, is at most ``eps (1 + 1e-6)``.
    """
    clipped = x_adv.clamp(0.0, 1.0)
    outside = (clipped - x).flatten(1).abs().sum(dim=1, dtype=torch.float64) > eps
    rows = outside.nonzero().squeeze(1)
    if len(rows) == 0:
        return clipped
    v = (x_adv[rows] - x[rows]).flatten(1)
    room = torch.where(v > 0, 1 - x[rows].flatten(1), x[rows].flatten(1))
    resolution = torch.finfo(x.dtype).eps
    radius = max(0.0, eps * (1 - 4 * resolution) - v.shape[1] * resolution / 2)
    threshold = _threshold(v.abs(), room, radius) if radius > 0 else math.inf
    shrunk = (v.abs() - threshold).clamp_(min=0.0)  # beyond its room an element meets the face of the box below
    nearest = x[rows] + (v.sign() * shrunk).view_as(x[rows])
    return clipped.index_copy(0, rows, nearest.to(x.dtype).clamp_(0.0, 1.0))


def _threshold(size: Tensor, room: Tensor, radius: float) -> Tensor:
    """``t`` ``[N, 1]`` in float64 with ``sum clamp(size - t, 0, room) = radius``; at ``t = 0`` the sum is larger."""
    # Most elements of an L1 perturbation are zero: only as many as any sample has others are sorted.
    size, places = size.topk(max(1, int((size > 0).sum(dim=1).max())), dim=1, sorted=False)
    room = room.gather(1, places)
    # An element starts to shrink at size - room, and is gone at size.
    kinks, order = torch.cat([(size - room).clamp_(min=0.0), size], dim=1).sort(dim=1)
    num_shrinking = torch.where(order < size.shape[1], 1, -1).cumsum(dim=1)[:, :-1]
    lost = (kinks.diff(dim=1).double() * num_shrinking).cumsum(dim=1)  # norm lost on the way to each kink
    excess = torch.minimum(size, room).sum(dim=1, dtype=torch.float64, keepdim=True) - radius
    last = (lost < excess).sum(dim=1, keepdim=True).clamp_(max=lost.shape[1] - 1)  # the piece that holds the root
    lost_before = torch.where(last > 0, lost.gather(1, (last - 1).clamp_(min=0)), 0.0)
    return kinks.gather(1, last) + (excess - lost_before) / num_shrinking.gather(1, last).clamp_(min=1)


def sparse_step(gradient: Tensor, x_adv: Tensor, num_moved: Tensor) -> Tensor:
    """``sign(gradient)`` on the ``num_moved`` ``[N]`` elements of largest gradient, shortened to L1 length one.

    Elements that the box stops are passed over; equal gradients move together; zero gradients do not move.
    """
    blocked = ((x_adv <= 0) & (gradient < 0)) | ((x_adv >= 1) & (gradient > 0))
    free = torch.where(blocked, 0.0, gradient).flatten(1)
    size = free.abs()
    largest = size.topk(int(num_moved.max()), dim=1).values
    chosen = size >= largest.gather(1, num_moved[:, None] - 1)
    signs = torch.where(chosen, free.sign(), 0.0)
    num_chosen = signs.abs().sum(dim=1, keepdim=True).clamp_(min=1.0)
    return (signs / num_chosen).view_as(gradient)
