"""The order of training items: every item once an epoch, the same global batches whatever the workers."""

import numpy as np
import pytest

from advgen_ray.data.batches import BatchOrder
from advgen_ray.errors import UserError


def _global(num_workers: int, step: int, num_items: int = 103, batch_size: int = 10, seed: int = 3) -> list[int]:
    parts = [BatchOrder(num_items, batch_size, seed, rank, num_workers).at(step) for rank in range(num_workers)]
    indices = [index for part in parts for index in part.indices.tolist()]
    assert {part.global_size for part in parts} == {len(indices)}
    assert BatchOrder(num_items, batch_size, seed).size_at(step) == len(indices)
    return sorted(indices)


@pytest.mark.parametrize("num_workers", [2, 3])
def test_workers_share_the_batches_of_one_worker(num_workers: int) -> None:
    for step in range(25):
        assert _global(num_workers, step) == _global(1, step)


def test_an_epoch_holds_every_item_once_in_batches_of_nearly_equal_size() -> None:
    order = BatchOrder(103, 10, seed=3)
    assert order.steps_per_epoch == 11
    epochs = [[order.at(epoch * 11 + step).indices for step in range(11)] for epoch in range(2)]
    for batches in epochs:
        assert sorted(np.concatenate(batches)) == list(range(103))
        assert {len(batch) for batch in batches} == {9, 10}
    assert not np.array_equal(np.concatenate(epochs[0]), np.concatenate(epochs[1]))


def test_any_step_can_be_the_first() -> None:
    running = BatchOrder(103, 10, seed=3)
    walked = [running.at(step).indices for step in range(40)]
    for step in (39, 12, 11, 0):
        assert np.array_equal(BatchOrder(103, 10, seed=3).at(step).indices, walked[step])
        assert np.array_equal(running.at(step).indices, walked[step]), "also of an epoch that is over"
    assert not np.array_equal(BatchOrder(103, 10, seed=4).at(0).indices, walked[0])


def test_fewer_items_than_a_batch_are_one_batch() -> None:
    order = BatchOrder(5, 128, seed=0)
    assert order.steps_per_epoch == 1
    assert sorted(order.at(7).indices) == [0, 1, 2, 3, 4]


def test_a_batch_that_cannot_be_shared_is_refused() -> None:
    with pytest.raises(UserError, match="leaves one of 4 workers without any"):
        BatchOrder(100, 3, seed=0, num_workers=4)
    assert len(BatchOrder(100, 4, seed=0, rank=3, num_workers=4).at(0).indices) == 1, "an item each is enough"
