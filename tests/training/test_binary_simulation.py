"""Binary AT in the plane: what is drawn, what is kept, and that equal configs give equal bits."""

import numpy as np
import pytest
import torch

from advgen_ray.config import MaximinConfig, MinimaxConfig, SimulateBinaryTrainingConfig
from advgen_ray.models.mlp import MLP
from advgen_ray.training.binary_simulation import draw_data, draw_p0, grid_points, simulate

TINY = SimulateBinaryTrainingConfig(
    batch_size=40,
    maximin=MaximinConfig(num_updates=6, attack_steps=4),
    minimax=MinimaxConfig(num_moves=6, updates_per_move=2),
    num_frames=4,
    grid_size=17,
)


def test_p0_fills_the_square_or_its_lower_left_corner_and_data_the_middle() -> None:
    config = SimulateBinaryTrainingConfig(batch_size=1000)
    diverse, corner = draw_p0(config, "diverse"), draw_p0(config, "concentrated")
    assert 0.98 < diverse.max() < 1
    assert torch.equal(corner, 0.2 * diverse)
    data = draw_data(config, "data", 1000)
    assert torch.allclose(data.mean(0), torch.tensor([0.5, 0.5]), atol=0.01)
    assert torch.allclose(data.std(0), torch.tensor([0.05, 0.05]), atol=0.005)
    assert not torch.equal(draw_p0(config, "diverse", step=1), diverse)
    fewer = config.model_copy(update={"batch_size": 10})
    assert torch.equal(draw_p0(fewer, "diverse"), diverse[:10]), "a point does not depend on its batch"


@pytest.mark.parametrize("problem", ["maximin", "minimax"])
def test_states_are_kept_from_the_first_to_the_last_and_equal_configs_give_equal_bits(problem: str) -> None:
    seen, again = (simulate(TINY, problem, "diverse") for _ in range(2))
    assert seen["step"].tolist() == [0, 2, 4, 6]
    shapes = {name: array.shape for name, array in seen.items()}
    assert shapes["grid"] == (4, 17, 17)
    assert shapes["start"] == shapes["moved"] == (4, 40, 2)
    assert shapes["on_data"] == (4, 2000)
    assert all(array.tobytes() == again[name].tobytes() for name, array in seen.items())
    other = simulate(TINY.model_copy(update={"seed": 1}), problem, "diverse")
    assert not any(np.array_equal(seen[name], other[name]) for name in ("grid", "moved", "data"))


def test_both_problems_begin_alike_and_move_as_their_algorithms_say() -> None:
    maximin, minimax = (simulate(TINY, problem, "diverse") for problem in ("maximin", "minimax"))
    assert np.array_equal(maximin["grid"][0], minimax["grid"][0])
    assert np.array_equal(maximin["start"][0], minimax["start"][0])
    # Algorithm 1: every state from fresh samples, K steps of length lambda at most.
    assert not np.array_equal(maximin["start"][0], maximin["start"][1])
    length = np.linalg.norm(maximin["moved"] - maximin["start"], axis=-1)
    assert length.max() <= 4 * 0.02 + 1e-6
    assert length.mean() > 0.04
    # Algorithm 2: the same samples, one step a move.
    assert np.array_equal(minimax["moved"][0], minimax["start"][-1])
    length = np.linalg.norm(minimax["moved"][1:] - minimax["moved"][:-1], axis=-1)
    assert length.max() <= 2 * 0.02 + 1e-6
    assert length.mean() > 0.02


def test_a_grid_is_d_at_its_points_y_along_the_rows() -> None:
    points = grid_points(5)
    assert points[1, 3].tolist() == [0.75, 0.25]
    assert (points[0, 0].tolist(), points[-1, -1].tolist()) == ([0.0, 0.0], [1.0, 1.0])


def test_a_rough_network_varies_more_over_the_square_than_torchs_own_start() -> None:
    points = torch.from_numpy(grid_points(33)).flatten(0, 1)

    def turns(roughness: float) -> int:
        field = MLP(2, 64, roughness, torch.Generator().manual_seed(0))(points).view(33, 33)
        return int((field.diff(dim=1).sign().diff(dim=1) != 0).sum())

    assert turns(16.0) > 5 * turns(1.0)
