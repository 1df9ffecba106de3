"""Distances on images whose differences are counted by hand."""

import torch

from advgen_ray.counterfactuals.metrics import l0, l1, l2, linf


def test_distances_of_a_known_difference() -> None:
    x = torch.full((2, 3, 2, 2), 0.5)
    x_ce = x.clone()
    x_ce[0, 0, 0, 0] += 0.3
    x_ce[0, 2, 1, 1] -= 0.4
    torch.testing.assert_close(l2(x_ce, x), torch.tensor([0.5, 0.0]))
    torch.testing.assert_close(l1(x_ce, x), torch.tensor([0.7, 0.0]))
    torch.testing.assert_close(linf(x_ce, x), torch.tensor([0.4, 0.0]))
    torch.testing.assert_close(l0(x_ce, x), torch.tensor([2 / 12, 0.0]))


def test_l0_counts_only_differences_beyond_its_threshold() -> None:
    x = torch.zeros(1, 1, 1, 4)
    x_ce = torch.tensor([0.019, 0.0201, 0.5, 0.0]).view(1, 1, 1, 4)
    assert l0(x_ce, x).item() == 0.5
    assert l0(-x_ce, x).item() == 0.5
    assert l0(x_ce, x, threshold=0.1).item() == 0.25
