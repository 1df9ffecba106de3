"""Square: where it looks, what it changes, how its windows shrink, and how far it gets."""

from collections.abc import Sequence

import pytest
import torch
from torch import Tensor, nn

from advgen_ray.attacks.objectives import margin
from advgen_ray.attacks.square import Square
from advgen_ray.attacks.square_moves import Patterns, Stripes
from advgen_ray.attacks.threat_model import L1, L2, Linf, Unconstrained
from advgen_ray.rng import Stream


class _Draws:
    """Keyed by item; counts how often it is asked."""

    def __init__(self, num_items: int) -> None:
        self.num_items, self.steps = num_items, [0]
        self.steps.clear()

    def __call__(self, step: int, shape: Sequence[int]) -> Tensor:
        self.steps.append(step)
        return Stream(0, "square").uniform(range(self.num_items), shape, step)


def _grey(num_images: int, *shape: int) -> Tensor:
    return torch.full((num_images, *shape), 0.5)


def test_stripes_start_with_columns_of_one_colour() -> None:
    x = torch.rand(16, 3, 6, 8, generator=torch.Generator().manual_seed(0))
    moves = Stripes(Linf(0.1), (3, 6, 8))
    start = moves.start(x, _Draws(16)(0, moves.start_draws))
    up, down = (x + 0.1).clamp(0, 1), (x - 0.1).clamp(0, 1)
    columns_up, columns_down = (start == up).all(2), (start == down).all(2)  # [N, C, W]
    assert (columns_up | columns_down).all()
    assert 0.4 < columns_up.float().mean() < 0.6


def test_a_stripes_move_paints_one_window() -> None:
    x = torch.rand(64, 3, 10, 12, generator=torch.Generator().manual_seed(0))
    x_best = (x + 0.1).clamp(0, 1)
    moves = Stripes(Linf(0.1), (3, 10, 12))
    candidate = moves.propose(x, x_best, 9 / 120, _Draws(64)(1, (moves.query_draws,)))
    assert torch.equal(x_best, (x + 0.1).clamp(0, 1))  # untouched
    painted = candidate != x_best  # where a window is painted in the colour it has, nothing changes
    assert torch.allclose(candidate[painted], (x - 0.1).clamp(0, 1)[painted])
    assert 0.4 < painted.flatten(2).any(2).float().mean() < 0.6  # each channel by its own coin
    for image in painted:
        rows, columns = image.any(0).any(1).nonzero(), image.any(0).any(0).nonzero()
        if len(rows):
            assert rows.max() - rows.min() == 2
            assert columns.max() - columns.min() == 2
            assert image.sum() == 9 * image.flatten(1).any(1).sum()


def test_windows_reach_every_place() -> None:
    """Also the last row and column, for the largest number below one."""
    x, moves = _grey(2, 1, 5, 7), Stripes(Linf(0.1), (1, 5, 7))
    below_one = 1 - 2.0**-24
    draws = torch.tensor([[0.0, 0.0, 0.0], [below_one, below_one, 0.0]])
    painted = moves.propose(x, x, 4 / 35, draws) != x
    assert painted[0, 0].nonzero().tolist() == [[0, 0], [0, 1], [1, 0], [1, 1]]
    assert painted[1, 0].nonzero().tolist() == [[3, 5], [3, 6], [4, 5], [4, 6]]


@pytest.mark.parametrize("ball", [L1(1.0), L2(0.5)])
@pytest.mark.parametrize("shape", [(1, 28, 28), (3, 32, 32), (1, 8, 8), (3, 14, 9), (1, 3, 3)])
def test_patterns_fill_the_ball_from_the_start(ball: L1 | L2, shape: tuple[int, ...]) -> None:
    x = _grey(8, *shape)
    moves = Patterns(ball, shape)
    draws = _Draws(8)
    start = moves.start(x, draws(0, moves.start_draws))
    assert torch.allclose(ball.distance(start, x), torch.full((8,), ball.eps), rtol=1e-3)
    assert len({tuple(image.flatten().tolist()) for image in start}) == 8 if shape[1] > 3 else True
    candidate = start
    for query in range(6):
        candidate = moves.propose(x, candidate, 0.1, draws(1 + query, (moves.query_draws,)))
        assert ball.distance(candidate.double(), x.double()).max() <= ball.eps * (1 + 1e-6)
        assert torch.allclose(ball.distance(candidate, x), torch.full((8,), ball.eps), rtol=1e-3)


def test_a_pattern_move_takes_from_one_window_and_gives_to_another() -> None:
    x, moves, draws = _grey(32, 1, 16, 16), Patterns(L2(0.5), (1, 16, 16)), _Draws(32)
    start = moves.start(x, draws(0, moves.start_draws))
    query = draws(1, (moves.query_draws,))
    candidate = moves.propose(x, start, 9 / 256, query)
    places = (query[:, :4] * 14).long()
    for i in range(32):
        row, column, row2, column2 = places[i].tolist()
        given, taken = torch.zeros(16, 16, dtype=torch.bool), torch.zeros(16, 16, dtype=torch.bool)
        given[row : row + 3, column : column + 3] = True
        taken[row2 : row2 + 3, column2 : column2 + 3] = True
        change = (candidate - x)[i, 0]
        assert torch.allclose(change[taken & ~given], torch.tensor(0.0))
        assert torch.allclose(change[~taken & ~given], (start - x)[i, 0][~taken & ~given], atol=1e-5)
        moved = (start - x)[i, 0][given | taken].square().sum()
        assert torch.allclose(change[given].square().sum(), moved, atol=1e-4)


@pytest.mark.parametrize("shape", [(1, 12, 5), (1, 5, 12)])
def test_a_pattern_fits_into_an_image_that_is_no_square(shape: tuple[int, ...]) -> None:
    x, moves, draws = _grey(8, *shape), Patterns(L2(0.5), shape), _Draws(8)
    start = moves.start(x, draws(0, moves.start_draws))
    moved = moves.propose(x, start, 0.8, draws(1, (moves.query_draws,)))
    assert moved.shape == x.shape
    assert (moved != start).flatten(1).any(dim=1).all()


def test_a_pattern_is_two_opposite_pyramids() -> None:
    x, moves = _grey(2, 1, 5, 5), Patterns(L2(0.1), (1, 5, 5))
    upright, on_its_side = (moves._patterns(5, torch.tensor([[coin, 0.9]]), x)[0, 0] for coin in (0.9, 0.1))
    assert torch.equal(upright.T, on_its_side)
    assert torch.allclose(upright.norm(), torch.tensor(1.0))
    assert (upright[:2] > 0).all()
    assert (upright[2:] < 0).all()
    # Levels 1, 1 + 1/4, 1 + 1/4 + 1/9 from the rim inwards: ratios within the lower pyramid, whose top is in row 3.
    lower = -upright[2:] / -upright[3, 2]
    top = 1 + 1 / 4 + 1 / 9
    assert torch.allclose(lower[1], torch.tensor([1 / 9, 1 / 4 + 1 / 9, top, 1 / 4 + 1 / 9, 1 / 9]) / top)


def test_a_pattern_in_l1_has_the_levels_of_its_norm() -> None:
    """They fall with the fourth power where those of L2 fall with the square."""
    pattern = Patterns(L1(0.1), (1, 5, 5))._patterns(5, torch.tensor([[0.9, 0.9]]), _grey(1, 1, 5, 5))[0, 0]
    assert torch.allclose(pattern.abs().sum(), torch.tensor(1.0))
    top = 1 + 1 / 16 + 1 / 81
    levels = torch.tensor([1 / 81, 1 / 16 + 1 / 81, top, 1 / 16 + 1 / 81, 1 / 81])
    assert torch.allclose(pattern[3] / pattern[3, 2], levels / top)


def test_windows_shrink_on_the_paper_s_schedule() -> None:
    attack = Square(Linf(0.1), 10_000, _Draws(1))
    halvings = [10, 50, 200, 500, 1000, 2000, 4000, 6000, 8000]
    for k, query in enumerate(halvings):
        assert attack._share(query) == 0.8 / 2**k
        assert attack._share(query + 1) == 0.4 / 2**k


def test_linf_optimum_of_a_linear_model(linear: nn.Module) -> None:
    """Windows end at one pixel, and each pixel of the best corner is accepted alone: nothing else remains to gain."""
    x, y = _grey(8, 1, 8, 8), torch.arange(8) % 2
    attack = Square(Linf(0.1), 2500, _Draws(8))
    x_adv = attack(linear, x, margin(y))
    rows = linear.weight.detach()
    assert torch.allclose((x_adv - x).flatten(1), 0.1 * (rows[1 - y] - rows[y]).sign(), atol=1e-6)


@pytest.mark.parametrize(("ball", "order", "share"), [(L1(1.0), torch.inf, 0.35), (L2(0.3), 2, 0.5)])
def test_most_of_the_optimum_in_l1_and_l2(ball: L1 | L2, order: float, share: float, linear: nn.Module) -> None:
    """Windows of at least 3 x 3 pixels cannot take the steepest direction, but must come near it."""
    x, y = _grey(8, 1, 8, 8), torch.arange(8) % 2
    x_adv = Square(ball, 500, _Draws(8))(linear, x, margin(y))
    rows = linear.weight.detach()
    optimum = ball.eps * torch.linalg.vector_norm(rows[0] - rows[1], order)
    assert ((margin(y)(linear(x_adv)) - margin(y)(linear(x))) > share * optimum).all()


@pytest.mark.parametrize("ball", [L1(2.0), L2(0.4), Linf(0.06)])
def test_more_queries_never_lower_the_objective(
    ball: L1 | L2 | Linf, wide_resnet: nn.Module, x: Tensor, y: Tensor
) -> None:
    wide_resnet.eval()
    values = []
    with torch.no_grad():
        for num_queries in (1, 8, 30):
            x_adv = Square(ball, num_queries, _Draws(64))(wide_resnet, x, margin(y))
            values.append(margin(y)(wide_resnet(x_adv)))
    assert (values[1] >= values[0] - 1e-6).all()
    assert (values[2] >= values[1] - 1e-6).all()
    assert (values[2] > values[0]).float().mean() > 0.5


def test_random_numbers_are_drawn_in_blocks(linear: nn.Module) -> None:
    draws = _Draws(4)
    Square(Linf(0.1), 501, draws)(linear, _grey(4, 1, 8, 8), margin(torch.zeros(4).long()))
    assert draws.steps == [0, 1, 2, 3]


def test_the_search_sees_no_gradients(linear: nn.Module) -> None:
    def objective(outputs: Tensor) -> Tensor:
        assert not outputs.requires_grad
        return margin(torch.zeros(4).long())(outputs)

    Square(Linf(0.1), 3, _Draws(4))(linear, _grey(4, 1, 8, 8), objective)


def test_settings_are_checked() -> None:
    with pytest.raises(ValueError, match="num_queries must be at least 1, got 0"):
        Square(Linf(0.1), 0, _Draws(1))
    for share in (1.5, 0.0):
        with pytest.raises(ValueError, match=rf"p_init must lie in \(0, 1\], got {share}"):
            Square(Linf(0.1), 1, _Draws(1), p_init=share)
    with pytest.raises(ValueError, match=r"fills a ball, got Unconstrained\(\)"):
        Square(Unconstrained(), 1, _Draws(1))  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=r"windows of images \[N, C, H, W\], got shape \[4, 64\]"):
        Square(Linf(0.1), 1, _Draws(4))(nn.Identity(), torch.zeros(4, 64), margin(torch.zeros(4).long()))
