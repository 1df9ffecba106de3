"""Exact projections onto the part of a hyperplane that lies in the box [0, 1], in L1, L2 and Linf.

The problem of FAB (Croce and Hein 2020, eq. 4), solved without their sorting where the norm allows it.
"""

import math

import torch
from torch import Tensor

NORMS = (1.0, 2.0, math.inf)  # as torch.linalg.vector_norm names them
_DUAL = {1.0: math.inf, 2.0: 2.0, math.inf: 1.0}


def vector_norm(x: Tensor, norm: float) -> Tensor:
    """``|x|_p`` over the last dimension."""
    return x.abs().amax(dim=-1) if norm == math.inf else torch.linalg.vector_norm(x, norm, dim=-1)


def distance_to_hyperplane(normal: Tensor, rise: Tensor, norm: float) -> Tensor:
    """``|rise| / |normal|_q``, the distance without the box ``[..., N]``; infinite where the normal is zero."""
    length = vector_norm(normal, _DUAL[norm])
    return torch.where(length == 0, math.inf, rise.abs() / torch.where(length == 0, 1.0, length))


def step_to_hyperplane(point: Tensor, normal: Tensor, rise: Tensor, norm: float) -> Tensor:
    """The shortest ``delta`` with ``normal . delta = rise`` and ``point + delta`` in the box.

    Where the hyperplane misses the box, ``delta`` leads to the corner of the box nearest to it along the normal;
    elements whose normal is zero never move.

    Args:
        point: ``[..., N, D]`` in [0, 1].
        normal: ``[N, D]``, shared by all leading dimensions of ``point``.
        rise: ``[..., N]``, of either sign.
        norm: 1, 2 or infinity.
    """
    sign = normal.sign() * rise.sign()[..., None]
    room = sign.clamp_min(0.0) - sign * point  # how far each element may move along ``sign``
    # The largest slope becomes one: the squares of a gradient below 1e-23 would be zero in float32.
    slope = normal.abs()
    steepest = slope.amax(dim=-1, keepdim=True)
    scale = torch.where(steepest == 0, 1.0, steepest)
    slope, need = slope / scale, rise.abs() / scale[..., 0]
    return sign * (_greedy(slope, room, need) if norm == 1 else _common_time(slope, room, need, norm))


def _common_time(slope: Tensor, room: Tensor, need: Tensor, norm: float) -> Tensor:
    """L2 and Linf: every element runs at its own speed (its slope; one) for a common time, or until its wall.

    What has been gained by time ``t``, ``sum slope * min(t * speed, room)``, is concave and piecewise linear, so
    Newton's iteration climbs to the root from below and ends after finitely many pieces. It begins where the root
    would lie without walls. A time that has stopped growing never grows again: a sample's result does not depend
    on how long others need.
    """
    speed = slope if norm == 2 else torch.ones_like(slope)
    wall = room if norm == math.inf else room / torch.where(slope == 0, 1.0, slope)  # times of arrival
    gained_at_wall, gain = slope * room, slope * speed
    total = gained_at_wall.sum(dim=-1)
    longest = torch.finfo(need.dtype).max
    without_walls = gain.sum(dim=-1)
    time = (need / torch.where(without_walls > 0, without_walls, 1.0)).clamp_max(longest)
    # Zeros and ones in place of booleans, and memory that is there already: several times faster on a CPU.
    running, product = torch.empty_like(room), torch.empty_like(room)
    for _ in range(room.shape[-1] + 1):  # at least one more element stands at its wall each time
        torch.gt(wall, time[..., None], out=running)
        rate = torch.mul(running, gain, out=product).sum(dim=-1)
        gained = total - torch.mul(running, gained_at_wall, out=product).sum(dim=-1)
        later = torch.where(rate > 0, (need - gained) / torch.where(rate > 0, rate, 1.0), time)
        if not bool((later > time).any()):
            break
        time = torch.maximum(time, later.clamp_max(longest))
    return torch.minimum(time[..., None] * speed, room)


def _greedy(slope: Tensor, room: Tensor, need: Tensor) -> Tensor:
    """L1: the steepest elements run to their walls, one after the other, until enough is gained."""
    order = slope.argsort(dim=-1, descending=True, stable=True).expand_as(room)
    room_sorted = room.gather(-1, order)
    gain = slope.expand_as(room).gather(-1, order) * room_sorted
    before = gain.cumsum(dim=-1) - gain
    share = ((need[..., None] - before) / torch.where(gain > 0, gain, 1.0)).clamp(0.0, 1.0)
    return torch.empty_like(room).scatter_(-1, order, share * room_sorted)
