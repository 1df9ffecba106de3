"""KD + BU and LID end to end: fitted on attacked digits of one split, they find those of another."""

import pytest
import torch
from torch import Tensor, nn

from advgen_ray.attacks.objectives import cross_entropy
from advgen_ray.attacks.pgd import PGD
from advgen_ray.attacks.threat_model import L2
from advgen_ray.data import datasets
from advgen_ray.detection.energy_detector import auroc
from advgen_ray.detection.features import features, last_hidden
from advgen_ray.detection.kernel_density import choose_bandwidth, fit_kernel_density, kd_bu
from advgen_ray.detection.lid import lid_columns
from advgen_ray.detection.logistic import fit_logistic
from advgen_ray.rng import Stream

LAYERS = ["0", "1", "4", "6"]


@pytest.fixture(scope="module")
def digits() -> tuple[Tensor, Tensor]:
    data = datasets.load("digits", "data", "train", download=False)
    return data.tensor(range(1400)), data.targets(range(1400))


@pytest.fixture(scope="module")
def classifier(digits: tuple[Tensor, Tensor]) -> nn.Module:
    x, y = digits[0][:1000], digits[1][:1000]
    torch.manual_seed(0)
    model = nn.Sequential(
        nn.Flatten(), nn.Linear(64, 64), nn.ReLU(), nn.Dropout(0.3), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 10)
    )
    optimizer = torch.optim.Adam(model.parameters(), 3e-3)
    for _ in range(150):
        optimizer.zero_grad()
        nn.functional.cross_entropy(model(x), y).backward()
        optimizer.step()
    return model


@pytest.fixture(scope="module")
def attacked(digits: tuple[Tensor, Tensor], classifier: nn.Module) -> Tensor:
    """The last 400 digits under PGD, which fools the classifier on nearly all."""
    x, y = digits[0][1000:], digits[1][1000:]
    x_adv = PGD(L2(1.5), num_steps=20, step_size=0.15)(classifier, x, cross_entropy(y))
    assert (last_hidden(classifier, x)[0].argmax(1) == y).float().mean() > 0.9
    assert (last_hidden(classifier, x_adv)[0].argmax(1) == y).float().mean() < 0.1
    return x_adv


def _found(natural: Tensor, adversarial: Tensor) -> float:
    """AUROC on the second half of what was fitted on the first."""
    detector = fit_logistic(natural[:200], adversarial[:200])
    return auroc(detector.detection_score(natural[200:]), detector.detection_score(adversarial[200:]))


def test_kernel_density_and_uncertainty_find_attacks(digits, classifier, attacked) -> None:  # type: ignore[no-untyped-def]
    x, y = digits
    _, hidden = last_hidden(classifier, x[:1000])
    candidates = [0.1, 0.3, 1.0, 3.0]
    bandwidth = choose_bandwidth(hidden[:800], y[:800], hidden[800:], y[800:1000], candidates)
    density = fit_kernel_density(hidden, y[:1000], 10, bandwidth)
    stream, ids = Stream(0, "dropout"), range(400)
    natural = kd_bu(classifier, density, x[1000:], ids, stream, num_passes=20)
    adversarial = kd_bu(classifier, density, attacked, ids, stream, num_passes=20)
    assert natural.shape == (400, 2)
    assert _found(natural, adversarial) > 0.8
    assert torch.equal(natural[:5], kd_bu(classifier, density, x[1000:1005], range(5), stream, num_passes=20))


def test_intrinsic_dimension_finds_attacks(digits, classifier, attacked) -> None:  # type: ignore[no-untyped-def]
    x = digits[0]
    reference = features(classifier, x[:1000], LAYERS)
    stream, ids = Stream(0, "lid"), range(400)
    natural = lid_columns(classifier, x[1000:], ids, LAYERS, reference, stream, batch_size=1000)
    adversarial = lid_columns(classifier, attacked, ids, LAYERS, reference, stream, batch_size=1000)
    assert natural.shape == (400, 4)
    assert (adversarial.mean(0) > natural.mean(0)).all()  # Ma et al.: attacked images lie in more dimensions
    assert _found(natural, adversarial) > 0.9
