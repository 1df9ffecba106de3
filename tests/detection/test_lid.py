"""LID of points whose dimension is known, keyed minibatches, and neighbors that coincide."""

import math

import pytest
import torch

from advgen_ray.detection.lid import MAX_DIMENSION, lid, lid_of_distances
from advgen_ray.rng import Stream


def _ball(num_points: int, dimension: int, seed: int) -> torch.Tensor:
    """Uniform in the unit ball of ``dimension``, embedded in 12 dimensions."""
    generator = torch.Generator().manual_seed(seed)
    points = torch.randn(num_points, dimension, generator=generator)
    radius = torch.rand(num_points, 1, generator=generator) ** (1 / dimension)
    points = radius * points / points.norm(dim=1, keepdim=True)
    rotation = torch.linalg.qr(torch.randn(12, 12, generator=generator))[0]
    return points @ rotation[:dimension]


def test_estimate_by_hand() -> None:
    assert lid_of_distances(torch.tensor([[1.0, 2.0, 4.0]])).item() == pytest.approx(3 / (math.log(4) + math.log(2)))
    assert lid_of_distances(torch.tensor([[4.0, 1.0, 2.0]])).item() == pytest.approx(1.0 / math.log(2))


@pytest.mark.parametrize("dimension", [1, 3, 8])
def test_points_in_a_ball_have_its_dimension(dimension: int) -> None:
    """Around its center the k-th of n distances makes the estimate ``d k / (k - 2)`` on average."""
    queries, reference = torch.zeros(400, 12), _ball(20_000, dimension, seed=0)
    values = lid(queries, reference, range(400), Stream(0, "lid"), num_neighbors=20, batch_size=400)
    assert values.mean().item() == pytest.approx(dimension * 20 / 18, rel=0.05)


def test_a_query_alone_meets_the_minibatch_it_meets_among_others() -> None:
    queries, reference = _ball(30, 4, seed=1), _ball(500, 4, seed=2)
    ids = [f"image-{i}" for i in range(30)]
    together = lid(queries, reference, ids, Stream(0, "lid"))
    assert torch.equal(lid(queries[9:10], reference, ids[9:10], Stream(0, "lid")), together[9:10])
    assert not torch.equal(lid(queries, reference, ids, Stream(1, "lid")), together)
    same = lid(queries[:1].expand(30, -1), reference, ids, Stream(0, "lid"))
    assert len(same.unique()) > 20  # each id draws its own


def test_the_whole_reference_is_the_same_for_all() -> None:
    queries, reference = _ball(5, 4, seed=1), _ball(100, 4, seed=2)
    values = lid(queries, reference, range(5), Stream(0, "lid"), num_neighbors=10, batch_size=100)
    distances = torch.cdist(queries.double(), reference.double()).sort(dim=1).values[:, :10]
    assert torch.allclose(values, lid_of_distances(distances), rtol=1e-4)


def test_scale_of_the_features_does_not_matter() -> None:
    distances = torch.rand(6, 20, generator=torch.Generator().manual_seed(0)) + 0.1
    assert torch.allclose(lid_of_distances(1e-20 * distances), lid_of_distances(distances), rtol=1e-5)


def test_coinciding_and_equally_far_neighbors_stay_finite() -> None:
    values = lid_of_distances(torch.tensor([[0.0, 0.0, 0.0], [2.0, 2.0, 2.0], [0.0, 1.0, 2.0]]))
    assert values[0] == 0
    assert values[1] == pytest.approx(MAX_DIMENSION)
    assert 0 < values[2] < 1


@pytest.mark.parametrize("change", [{"num_neighbors": 1}, {"num_neighbors": 60}, {"batch_size": 101}])
def test_too_few_references_are_refused(change: dict[str, int]) -> None:
    settings = {"num_neighbors": 20, "batch_size": 50} | change
    with pytest.raises(ValueError, match="num_neighbors <= batch_size <= references"):
        lid(torch.zeros(1, 2), torch.zeros(100, 2), [0], Stream(0, "lid"), **settings)
