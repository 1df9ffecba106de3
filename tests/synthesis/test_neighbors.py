"""Nearest neighbors by L2: another implementation, ties, and differences that float32 products would lose."""

import pytest
import torch
from sklearn.neighbors import NearestNeighbors

from advgen_ray.synthesis.neighbors import least_l2, nearest_l2


def test_it_finds_what_scikit_learn_finds() -> None:
    generator = torch.Generator().manual_seed(0)
    x, candidates = (torch.rand(n, 3, 4, 4, generator=generator) for n in (5, 1500))
    found = NearestNeighbors(n_neighbors=4).fit(candidates.flatten(1).double().numpy())
    distances, indices = found.kneighbors(x.flatten(1).double().numpy())
    mine = nearest_l2(x, candidates, 4)
    assert mine[0].tolist() == indices.tolist()
    torch.testing.assert_close(mine[1], torch.from_numpy(distances))


def test_copies_are_at_no_distance_and_the_earlier_comes_first() -> None:
    images = 100 + torch.rand(4, 6, generator=torch.Generator().manual_seed(1))
    indices, distances = nearest_l2(images, torch.cat([images, images]), 2)
    assert indices.tolist() == [[k, k + 4] for k in range(4)]
    assert (distances == 0).all()


def test_the_least_distance_of_many_is_that_of_each() -> None:
    generator = torch.Generator().manual_seed(2)
    x, candidates = torch.rand(150, 5, generator=generator), torch.rand(40, 5, generator=generator)
    assert torch.equal(least_l2(x, candidates), nearest_l2(x, candidates, 1)[1][:, 0])


def test_another_shape_is_refused() -> None:
    with pytest.raises(ValueError, match="expected candidates like"):
        nearest_l2(torch.rand(2, 3), torch.rand(4, 5), 1)
