"""Detectors as logits of cleanness: their columns are the detectors' own, their signs fitted, their gradients true."""

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from advgen_ray.attacks.detector_objectives import combined_attack, predicted_detector_attack
from advgen_ray.attacks.pgd import PGD
from advgen_ray.attacks.threat_model import L2
from advgen_ray.detection.cleanness import (
    Cleanness,
    DensityColumns,
    EnergyColumns,
    LidColumns,
    fit_cleanness,
    of_predicted,
)
from advgen_ray.detection.features import features, last_hidden
from advgen_ray.detection.kernel_density import fit_kernel_density
from advgen_ray.detection.lid import lid
from advgen_ray.detection.logistic import LogisticDetector
from advgen_ray.detection.mc_dropout import shared_mask_uncertainty
from advgen_ray.energy.logits import energy_x
from advgen_ray.models.one_vs_rest import WithDetectors
from advgen_ray.rng import Stream

LAYERS = ["1", "4"]


@pytest.fixture(scope="module")
def classifier() -> nn.Module:
    torch.manual_seed(2)
    layers = nn.Sequential(nn.Flatten(), nn.Linear(16, 12), nn.Tanh(), nn.Dropout(0.3), nn.Linear(12, 3))
    return layers.double().eval().requires_grad_(False)


@pytest.fixture(scope="module")
def x() -> Tensor:
    return torch.rand(9, 1, 4, 4, generator=torch.Generator().manual_seed(3), dtype=torch.float64)


def _columns(classifier: nn.Module) -> dict[str, nn.Module]:
    generator = torch.Generator().manual_seed(4)
    natural = torch.rand(60, 1, 4, 4, generator=generator, dtype=torch.float64)
    density = fit_kernel_density(last_hidden(classifier, natural)[1], torch.arange(60) % 3, 3, 0.4)
    return {
        "energy": EnergyColumns(classifier),
        "density": DensityColumns(classifier, density, Stream(0, "dropout"), num_passes=5),
        "lid": LidColumns(classifier, LAYERS, features(classifier, natural, LAYERS), 3, num_neighbors=8),
    }


def test_columns_are_those_of_the_detectors(classifier: nn.Module, x: Tensor) -> None:
    found = _columns(classifier)
    energy = found["energy"](x)
    assert energy.shape == (9, 3, 1)
    assert torch.equal(energy[:, 1, 0], energy_x(classifier(x)))
    of_density = found["density"]
    logits, hidden = last_hidden(classifier, x)
    predicted = logits.argmax(dim=1)
    columns = of_predicted(of_density, classifier, x)
    np.testing.assert_allclose(columns[:, 0], of_density.density.log_density(hidden, predicted), rtol=1e-9)
    uncertainty = shared_mask_uncertainty(classifier, x, Stream(0, "dropout"), 5)
    np.testing.assert_allclose(columns[:, 1], uncertainty, rtol=1e-9)
    assert (uncertainty > 0).all()
    of_lid = found["lid"](x)
    assert of_lid.shape == (9, 3, 2)
    for place, layer in enumerate(LAYERS):
        reference = found["lid"].reference[place]
        expected = lid(
            features(classifier, x, [layer])[0], reference, range(9), Stream(0, "lid"), num_neighbors=8, batch_size=60
        )
        assert torch.allclose(of_lid[:, 2, place], expected), "of the whole reference any minibatch is the same"


def test_masks_are_the_same_for_every_image(classifier: nn.Module, x: Tensor) -> None:
    together = shared_mask_uncertainty(classifier, x, Stream(0, "dropout"), 4)
    alone = shared_mask_uncertainty(classifier, x[5:6], Stream(0, "dropout"), 4)
    assert torch.allclose(alone, together[5:6], rtol=1e-12)
    twice = shared_mask_uncertainty(classifier, x[:1].expand(3, -1, -1, -1), Stream(0, "dropout"), 4)
    assert twice.unique().numel() == 1


@pytest.mark.parametrize("kind", ["energy", "density", "lid"])
def test_gradients_are_those_of_finite_differences(kind: str, classifier: nn.Module, x: Tensor) -> None:
    columns = _columns(classifier)[kind]
    width = columns(x).shape[2]
    model = Cleanness(
        columns, LogisticDetector(np.full(width, 0.3), np.full(width, 2.0), np.arange(1.0, 1 + width), 0.1)
    )
    point = x[:2].clone().requires_grad_()
    assert torch.autograd.gradcheck(lambda images: model(images), (point,), eps=1e-6, atol=1e-4, rtol=1e-3)
    (gradient,) = torch.autograd.grad(model(point).sum(), point)
    assert (gradient.flatten(1).norm(dim=1) > 1e-6).all(), "an attack sees it"


def test_the_logit_is_minus_the_detection_score_in_the_direction_fitted(classifier: nn.Module, x: Tensor) -> None:
    """Whether attacks lower the energy, as the published detector assumes, or raise it: higher is cleaner."""
    by_energy = classifier(x).logsumexp(dim=1).argsort()
    low, high = x[by_energy[-4:]], x[by_energy[:4]]
    columns = EnergyColumns(classifier)
    for natural, attacked in ((low, high), (high, low)):
        model = fit_cleanness(columns, classifier, [natural[:2], natural[2:]], [attacked])
        assert model(natural).min() > model(attacked).max()
        assert (model(x) == model(x)[:, :1]).all(), "the same whatever the class"
    fitted = LogisticDetector(np.array([0.5]), np.array([2.0]), np.array([3.0]), -1.0)
    expected = -fitted.detection_score(energy_x(classifier(x))[:, None].numpy())
    np.testing.assert_allclose(Cleanness(columns, fitted)(x)[:, 2], expected, rtol=1e-9)


def test_attacks_on_one_vs_rest_detectors_take_them_as_they_are(classifier: nn.Module, x: Tensor) -> None:
    columns = _columns(classifier)["density"]
    detector = Cleanness(columns, LogisticDetector(np.zeros(2), np.ones(2), np.array([-1.0, 5.0]), 0.0))
    model, y = WithDetectors(classifier, detector).eval(), classifier(x).argmax(dim=1)
    blind = PGD(L2(2.0), 30, 0.2)(classifier, x, lambda z: -z.gather(1, y[:, None])[:, 0])
    assert (classifier(blind).argmax(dim=1) != y).all()
    for attack in (combined_attack(y), predicted_detector_attack(y)):
        found = PGD(L2(2.0), 30, 0.2, keep_best=True)(model, x, attack)
        predicted = classifier(found).argmax(dim=1)
        assert (predicted != y).all()
        passes, before = (
            detector(images).gather(1, classifier(images).argmax(dim=1, keepdim=True))[:, 0]
            for images in (found, blind)
        )
        assert passes.mean() > before.mean()
