"""Inception Score: its ends, by hand, and logits too large for a softmax of exponentials."""

import math

import pytest
import torch

from advgen_ray.synthesis.inception_score import inception_score


def test_sure_and_even_is_the_number_of_classes_and_alike_is_one() -> None:
    sure = 1e4 * torch.eye(5).repeat(20, 1)
    assert inception_score(sure) == pytest.approx((5, 0))
    assert inception_score(torch.zeros(40, 5)) == pytest.approx((1, 0))
    assert inception_score(sure[:1].repeat(40, 1)) == pytest.approx((1, 0)), "one class alone"


def test_by_hand_in_two_parts() -> None:
    p = torch.tensor([[0.9, 0.1], [0.1, 0.9], [0.5, 0.5], [0.5, 0.5]])
    first = math.exp(math.log(2) + 0.9 * math.log(0.9) + 0.1 * math.log(0.1))
    mean, deviation = inception_score(p.log(), num_splits=2)
    assert mean == pytest.approx((first + 1) / 2)
    assert deviation == pytest.approx((first - 1) / 2)


def test_too_few_samples_are_refused() -> None:
    with pytest.raises(ValueError, match="at least 10 samples"):
        inception_score(torch.zeros(9, 3))
