"""Dropout shared by workers drops what torch's drops of the whole batch, whatever a forward joins."""

import pytest
import torch
from torch import nn

from advgen_ray.training.shared_dropout import shared_dropout
from advgen_ray.training.worker import Worker

NUM_WORKERS = 3


def _layers() -> nn.Sequential:
    """Two layers: where the first draws too little or too much, the second drops something else."""
    return nn.Sequential(nn.Dropout(0.3), nn.Dropout(0.5)).train()


def _seeded(model: nn.Module, x: torch.Tensor) -> torch.Tensor:
    torch.manual_seed(5)
    return model(x)


@pytest.mark.parametrize("memory_format", [torch.contiguous_format, torch.channels_last])
@pytest.mark.parametrize(("sizes", "times"), [((7,), 1), ((7,), 2), ((7, 4), 1), ((8, 5), 2)])
def test_workers_drop_from_their_rows_what_one_drops_from_all(
    sizes: tuple[int, ...], times: int, memory_format: torch.memory_format
) -> None:
    model = _layers()
    whole = torch.randn(times * sum(sizes), 3, 4, 5).to(memory_format=memory_format)
    alone = _seeded(model, whole)
    assert 0.2 < float((alone == 0).float().mean()) < 1

    def own(rows: torch.Tensor, rank: int) -> torch.Tensor:
        joined = torch.cat([part[rank::NUM_WORKERS] for part in rows.split(sizes * times)])
        return joined.to(memory_format=memory_format)

    for rank in range(NUM_WORKERS):
        with shared_dropout(model, Worker(rank, NUM_WORKERS), sizes):
            together = _seeded(model, own(whole, rank))
        torch.testing.assert_close(together, own(alone, rank))
    assert torch.equal(_seeded(model, whole), alone), "outside the layers are torch's own again"


def test_alone_nothing_is_touched_and_in_evaluation_mode_nothing_is_drawn() -> None:
    model, x = _layers(), torch.randn(4, 3)
    with shared_dropout(model, Worker(), (4,)):
        assert all("forward" not in vars(layer) for layer in model)
    with shared_dropout(model.eval(), Worker(1, 2), (4,)):
        before = torch.get_rng_state()
        assert model(x) is x
        assert torch.equal(torch.get_rng_state(), before)


def test_gradients_pass_where_units_are_kept() -> None:
    model, x = nn.Sequential(nn.Dropout(0.5)), torch.randn(2, 50, requires_grad=True)
    with shared_dropout(model, Worker(1, 2), (4,)):
        out = _seeded(model, x)
    out.sum().backward()
    assert x.grad is not None
    assert torch.equal(x.grad, (out != 0) * 2.0)


def test_rows_that_are_no_batches_of_these_sizes_are_a_defect() -> None:
    with shared_dropout(nn.Sequential(model := nn.Dropout(0.5)), Worker(1, 2), (7,)), pytest.raises(AssertionError):
        model(torch.ones(4, 1))
