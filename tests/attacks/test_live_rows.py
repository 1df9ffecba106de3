"""Dropping finished rows: who is where, what is kept, and when it pays."""

import torch
from torch import Tensor

from advgen_ray.attacks.live_rows import LiveRows, per_sample


def _at_least(threshold: float):  # type: ignore[no-untyped-def]
    return lambda outputs: outputs[:, 0] >= threshold


def _images(*values: float) -> Tensor:
    return torch.tensor(values).view(-1, 1, 1, 1)


def _outputs(live: LiveRows, *values: float) -> Tensor:
    return live.spread(torch.tensor(values).view(-1, 1))


def test_nothing_is_spread_before_the_first_drop() -> None:
    live = LiveRows(_images(0, 0), None)
    outputs = torch.rand(2, 3)
    assert live.spread(outputs) is outputs
    assert live.take(outputs) is outputs
    live.finish(outputs, _images(1, 1))
    assert live.drop() is None
    assert torch.equal(live.ends(_images(2, 3)), _images(2, 3))


def test_rows_find_their_samples_over_two_drops() -> None:
    live = LiveRows(_images(0, 0, 0, 0), _at_least(10))
    live.finish(_outputs(live, 1, 10, 1, 1), _images(0.1, 0.2, 0.3, 0.4))
    rows = live.drop()
    assert rows is not None
    assert rows.tolist() == [0, 2, 3]
    assert _outputs(live, 5, 6, 7)[:, 0].tolist() == [5, 0, 6, 7]
    assert live.take(torch.tensor([9, 8, 7, 6])).tolist() == [9, 7, 6]

    live.finish(_outputs(live, 11, 1, 1), _images(0.5, 0.6, 0.7))
    rows = live.drop()
    assert rows is not None
    assert rows.tolist() == [1, 2]
    assert _outputs(live, 5, 6)[:, 0].tolist() == [0, 0, 5, 6]
    assert torch.equal(live.ends(_images(0.8, 0.9)), _images(0.5, 0.2, 0.8, 0.9))


def test_until_need_not_hold_for_rows_already_dropped() -> None:
    """Their outputs are zeros now, whatever the condition makes of them."""
    live = LiveRows(_images(0, 0), lambda outputs: outputs[:, 0] <= 0)
    live.finish(_outputs(live, -1, 1), _images(0.1, 0.2))
    live.drop()
    live.finish(_outputs(live, 1), _images(0.3))
    assert not live.all_finished
    assert torch.equal(live.ends(_images(0.4)), _images(0.1, 0.4))


def test_a_finished_row_that_stays_live_keeps_where_it_ended() -> None:
    live = LiveRows(torch.zeros(20, 1, 1, 1), _at_least(10))
    values = torch.zeros(20, 1)
    values[3] = 10
    live.finish(live.spread(values), torch.full((20, 1, 1, 1), 0.5))
    assert live.drop() is None  # one row of twenty
    live.finish(live.spread(values), torch.full((20, 1, 1, 1), 0.7))  # holds again: not a second end
    ends = live.ends(torch.full((20, 1, 1, 1), 0.9)).flatten()
    assert ends[3] == 0.5
    assert (ends[torch.arange(20) != 3] == 0.9).all()


def test_all_finished() -> None:
    live = LiveRows(_images(0, 0), _at_least(10))
    live.finish(_outputs(live, 10, 1), _images(0.1, 0.2))
    assert not live.all_finished
    live.drop()
    live.finish(_outputs(live, 12), _images(0.3))
    assert live.all_finished
    assert torch.equal(live.ends(_images(0.9)), _images(0.1, 0.3))


def test_gradients_reach_the_live_rows() -> None:
    live = LiveRows(_images(0, 0, 0), _at_least(10))
    live.finish(_outputs(live, 10, 1, 1), _images(0, 0, 0))
    live.drop()
    outputs = torch.tensor([[1.0], [2.0]], requires_grad=True)
    weights = torch.tensor([5.0, 6.0, 7.0])  # an objective that closes over all samples
    values = live.take((weights * live.spread(outputs)[:, 0]).square())
    (gradient,) = torch.autograd.grad(values.sum(), outputs)
    assert gradient.flatten().tolist() == [2 * 36 * 1.0, 2 * 49 * 2.0]


def test_per_sample_meets_images() -> None:
    assert (per_sample(torch.tensor([1.0, 2.0]), torch.ones(2, 3, 4, 4)) * torch.ones(2, 3, 4, 4))[1, 2, 3, 3] == 2
