"""Binary AT on points of the unit square: S004's algorithms 1 (maximin) and 2 (minimax), with states along the way."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial

import numpy as np
import torch
from torch import Tensor

from advgen_ray.attacks.objectives import logit
from advgen_ray.attacks.pgd import PGD
from advgen_ray.attacks.threat_model import Unconstrained
from advgen_ray.config.binary_simulation import SimulateBinaryTrainingConfig
from advgen_ray.losses.binary import binary_at_loss
from advgen_ray.models.mlp import MLP
from advgen_ray.rng import Stream

PROBLEMS = ("maximin", "minimax")
P0 = ("diverse", "concentrated")
CENTER = 0.5
NUM_HELD_OUT = 2000  # data points on which D is read; no training sees them


def simulate(config: SimulateBinaryTrainingConfig, problem: str, p0: str) -> dict[str, np.ndarray]:
    """Solve one of ``PROBLEMS`` with one of ``P0``; returns what was seen at ``F = config.num_frames`` states.

    ``step`` ``[F]``; ``grid`` ``[F, G, G]``: D at ``grid_points(G)``, y along the rows; ``start`` and ``moved``
    ``[F, N, 2]``: samples of p0 and where the ascent took them; ``on_data`` ``[F, M]``: D on held-out data; ``data``
    and ``other_data`` ``[N, 2]``: a batch of data, and an independent one. All float32 but the steps. Draws are keyed
    by seed, purpose, point and step, so both problems meet the same points and equal configs give equal bits.
    """
    num_steps = config.maximin.num_updates if problem == "maximin" else config.minimax.num_moves
    kept = np.linspace(0, num_steps, config.num_frames).round().astype(np.int64)
    data = draw_data(config, "data", config.batch_size)
    seen: dict[str, list[np.ndarray]] = {name: [] for name in ("grid", "start", "moved", "on_data")}
    held_out = draw_data(config, "held_out", NUM_HELD_OUT)
    grid = torch.from_numpy(grid_points(config.grid_size)).flatten(0, 1)
    with _one_thread():
        for step, model, start, moved in _states(config, problem, p0):
            if step in kept:
                with torch.no_grad():
                    seen["grid"].append(model(grid).sigmoid().view(config.grid_size, -1).numpy())
                    seen["on_data"].append(model(held_out).sigmoid()[:, 0].numpy())
                seen["start"].append(start.numpy())
                seen["moved"].append(moved.numpy())
    arrays = {name: np.stack(values) for name, values in seen.items()}
    other = draw_data(config, "other_data", config.batch_size)
    return {"step": kept, "data": data.numpy(), "other_data": other.numpy(), **arrays}


def grid_points(size: int) -> np.ndarray:
    """The points ``[size, size, 2]`` as (x, y) at which D is kept, borders of the square included."""
    line = np.linspace(0, 1, size, dtype=np.float32)
    return np.stack(np.meshgrid(line, line), axis=-1)


def draw_data(config: SimulateBinaryTrainingConfig, purpose: str, num_points: int, step: int = 0) -> Tensor:
    """Points of the data ``[num_points, 2]``, a Gaussian about the middle of the square."""
    noise = Stream(config.seed, purpose).normal(range(num_points), (2,), step)
    return (CENTER + config.data_sigma * noise).clamp_(0, 1)


def draw_p0(config: SimulateBinaryTrainingConfig, p0: str, step: int = 0) -> Tensor:
    """A batch of p0 ``[N, 2]``: uniform over the square, or over its lower left corner."""
    side = 1.0 if p0 == "diverse" else config.corner_width
    return side * Stream(config.seed, "p0").uniform(range(config.batch_size), (2,), step)


@contextmanager
def _one_thread() -> Iterator[None]:
    """Matrices this small are not worth sharing: two threads wait for each other, on a busy machine for minutes."""
    former = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(former)


def _states(config: SimulateBinaryTrainingConfig, problem: str, p0: str) -> Iterator[tuple[int, MLP, Tensor, Tensor]]:
    """Every state from the untrained D on: steps done, D, samples of p0, where they went."""
    generator = torch.Generator().manual_seed(Stream(config.seed, "model").torch_seed(0))
    model = MLP(2, config.width, config.roughness, generator)
    optimizer = torch.optim.Adam(model.parameters(), lr=config.learning_rate, betas=(0.0, 0.99))
    solve = _maximin if problem == "maximin" else _minimax
    yield from solve(config, p0, model, optimizer)


def _maximin(
    config: SimulateBinaryTrainingConfig, p0: str, model: MLP, optimizer: torch.optim.Optimizer
) -> Iterator[tuple[int, MLP, Tensor, Tensor]]:
    """S004 algorithm 1: the inner minimum anew from fresh samples of p0, then one step of D."""
    pgd = PGD(Unconstrained(), config.maximin.attack_steps, config.maximin.step_size)
    for step in range(config.maximin.num_updates + 1):
        start = draw_p0(config, p0, step)
        moved = pgd(model, start, logit)
        yield step, model, start, moved
        data = draw_data(config, "data", config.batch_size, step)
        _update(model, optimizer, data, moved)


def _minimax(
    config: SimulateBinaryTrainingConfig, p0: str, model: MLP, optimizer: torch.optim.Optimizer
) -> Iterator[tuple[int, MLP, Tensor, Tensor]]:
    """S004 algorithm 2: D fitted to the same data and samples, then one step of every sample."""
    move = partial(PGD(Unconstrained(), 1, config.minimax.step_size), model)
    data, start = draw_data(config, "data", config.batch_size), draw_p0(config, p0)
    moved = start
    for step in range(config.minimax.num_moves + 1):
        yield step, model, start, moved
        for _ in range(config.minimax.updates_per_move):
            _update(model, optimizer, data, moved)
        moved = move(moved, logit)


def _update(model: MLP, optimizer: torch.optim.Optimizer, data: Tensor, moved: Tensor) -> None:
    """One step of D on samples that are already where the ascent took them."""
    optimizer.zero_grad()
    binary_at_loss(model, data, moved, None).loss.backward()
    optimizer.step()
