"""The refusals that all attacks share; that each attack makes them is in test_attack_promises.py."""

import math

import pytest
import torch

from advgen_ray.attacks.checks import check_finite, check_images, check_logits, one_value_a_sample


@pytest.mark.parametrize(
    ("images", "message"),
    [
        (torch.full((2, 1, 8, 8), 1.5), r"must lie in \[0, 1\], got 1.5 to 1.5; divide values in 0..255 by 255"),
        (torch.full((2, 1, 8, 8), -0.1), r"must lie in \[0, 1\], got -0.1 to -0.1"),
        (torch.full((2, 1, 8, 8), math.nan), "images hold NaN"),
        (torch.zeros(2, 1, 8, 8, dtype=torch.uint8), "expected floating-point images .* got torch.uint8"),
        (torch.zeros(0, 1, 8, 8), r"got torch.float32 of shape \[0, 1, 8, 8\]"),
    ],
)
def test_images_are_checked(images: torch.Tensor, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        check_images(images)


def test_one_nan_among_good_pixels_is_found() -> None:
    images = torch.full((2, 1, 8, 8), 0.5)
    check_images(images)
    images[1, 0, 3, 3] = math.nan
    with pytest.raises(ValueError, match="images hold NaN"):
        check_images(images)


def test_probabilities_are_refused() -> None:
    logits = torch.randn(4, 10, generator=torch.Generator().manual_seed(0))
    check_logits(logits)
    check_logits(torch.rand(4, 10) / 2)  # between 0 and 1, but no distribution
    check_logits(torch.ones(4, 1))  # one logit, which is 1
    with pytest.raises(ValueError, match="remove its softmax"):
        check_logits(logits.softmax(1))


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_values_that_are_not_finite_are_refused(value: float) -> None:
    for check in (check_finite, check_logits):
        with pytest.raises(ValueError, match="not finite: check the model's weights"):
            check(torch.tensor([[0.0, value]]))


def test_an_objective_gives_one_value_a_sample() -> None:
    values = torch.zeros(4)
    assert one_value_a_sample(values, 4) is values
    with pytest.raises(ValueError, match=r"one value a sample, \[4\], got shape \[\]"):
        one_value_a_sample(values.mean(), 4)
    with pytest.raises(ValueError, match=r"one value a sample, \[3\], got shape \[4\]"):
        one_value_a_sample(values, 3)
