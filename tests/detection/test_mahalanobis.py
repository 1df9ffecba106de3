"""Class-conditional Gaussians as a classifier: the formula, two reference libraries, gradients, what is refused."""

import numpy as np
import pytest
import torch
from sklearn.covariance import EmpiricalCovariance
from torch import Tensor, nn

from advgen_ray.detection.mahalanobis import GaussianClassifier, fit_gaussians, gaussian_classifier
from advgen_ray.detection.ood import mahalanobis


@pytest.fixture
def samples() -> tuple[Tensor, Tensor]:
    """Features of 300 images of three classes, correlated, and their labels."""
    generator = torch.Generator().manual_seed(0)
    y = torch.arange(300) % 3
    mix = torch.randn(5, 5, generator=generator)
    return torch.randn(300, 5, generator=generator) @ mix + 3 * torch.randn(3, 5, generator=generator)[y], y


def _head(means: Tensor, whitening: Tensor) -> GaussianClassifier:
    """On a model whose last hidden layer is the image itself."""
    return GaussianClassifier(nn.Sequential(nn.Flatten(), nn.Linear(5, 3)), means.float(), whitening.float()).eval()


def test_logits_are_minus_half_the_squared_distances(samples: tuple[Tensor, Tensor]) -> None:
    """As scikit-learn's covariance, of features about the mean of their class, has them."""
    features, y = samples
    means, whitening = fit_gaussians(features, y, 3)
    centred = (features - means.float()[y]).numpy()
    reference = EmpiricalCovariance(assume_centered=True).fit(centred)
    logits = _head(means, whitening)(features[:20, None, None, :])
    for k in range(3):
        expected = reference.mahalanobis((features[:20] - means[k]).numpy())
        np.testing.assert_allclose(-2 * logits[:, k].detach().numpy(), expected, rtol=1e-3)


def test_it_ranks_images_as_pytorch_ood_does(samples: tuple[Tensor, Tensor]) -> None:
    """Theirs sums the scatter of the classes without dividing it: distances n times smaller, the order is the same."""
    detectors = pytest.importorskip("pytorch_ood.detector")
    features, y = samples
    theirs = detectors.Mahalanobis(None)
    theirs.to("cpu")
    theirs.fit_features(features, y)
    expected = theirs.predict_features(features)
    ours = mahalanobis(_head(*fit_gaussians(features, y, 3))(features[:, None, None, :]))
    torch.testing.assert_close(ours / len(features), expected, rtol=1e-3, atol=1e-6)


def test_a_direction_without_variance_is_left_out(samples: tuple[Tensor, Tensor]) -> None:
    features, y = samples
    _, whitening = fit_gaussians(torch.cat([features, torch.zeros(300, 1)], dim=1), y, 3)
    assert whitening.shape == (6, 5)
    assert whitening[5].abs().max() < 1e-6


def test_it_is_a_differentiable_classifier_of_the_model_it_was_fitted_to() -> None:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Flatten(), nn.Linear(4, 6), nn.Tanh(), nn.Linear(6, 2)).eval()
    x, y = torch.rand(60, 1, 2, 2), torch.arange(60) % 2
    fitted = gaussian_classifier(model, [(x[:40], y[:40]), (x[40:], y[40:])], 2)
    whole = gaussian_classifier(model, [(x, y)], 2)
    torch.testing.assert_close(fitted(x), whole(x), rtol=1e-4, atol=1e-4)
    image = x[:3].clone().requires_grad_()
    (gradient,) = torch.autograd.grad(mahalanobis(fitted(image)).sum(), image)
    step = 1e-2 * torch.nn.functional.normalize(gradient.flatten(1), dim=1).view_as(gradient)
    assert (mahalanobis(fitted(image - step)) < mahalanobis(fitted(image))).all()


def test_a_class_without_images_is_named(samples: tuple[Tensor, Tensor]) -> None:
    with pytest.raises(ValueError, match=r"classes \[3\]"):
        fit_gaussians(*samples, 4)
