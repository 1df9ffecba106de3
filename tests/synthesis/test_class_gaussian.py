"""Seeds drawn from a class: the moments of its images, whatever their rank, and nothing outside [0, 1]."""

import pytest
import torch

from advgen_ray.synthesis.class_gaussian import fit_class_gaussian


def _noise(count: int, shape: tuple[int, ...]) -> torch.Tensor:
    return torch.randn(count, *shape, generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize("num_images", [200, 7])
def test_draws_have_the_mean_and_covariance_of_the_images(num_images: int) -> None:
    """Of seven images of 12 values the covariance has rank six: draws vary as they do and in no other direction."""
    images = 0.5 + 0.03 * torch.randn(num_images, 1, 3, 4, generator=torch.Generator().manual_seed(0))
    drawn = fit_class_gaussian(images)(_noise(40_000, (1, 3, 4))).flatten(1).double()
    flat = images.flatten(1).double()
    torch.testing.assert_close(drawn.mean(0), flat.mean(0), atol=1e-3, rtol=0)
    torch.testing.assert_close(drawn.T.cov(), flat.T.cov(), atol=5e-5, rtol=0)
    assert torch.linalg.matrix_rank(drawn.T.cov(), atol=1e-9) == min(num_images - 1, 12)


def test_draws_are_images() -> None:
    drawn = fit_class_gaussian(torch.rand(30, 3, 4, 4).round())(_noise(50, (3, 4, 4)))
    assert drawn.dtype == torch.float32
    assert (drawn.min(), drawn.max()) == (0, 1)


def test_a_draw_does_not_depend_on_its_batch() -> None:
    fitted = fit_class_gaussian(torch.rand(30, 3, 4, 4, generator=torch.Generator().manual_seed(2)))
    noise = _noise(32, (3, 4, 4))
    alone = torch.cat([fitted(noise[i : i + 1]) for i in range(32)])
    torch.testing.assert_close(fitted(noise), alone, atol=1e-7, rtol=0)


def test_one_image_has_no_covariance() -> None:
    with pytest.raises(ValueError, match="at least two images"):
        fit_class_gaussian(torch.rand(1, 1, 2, 2))
