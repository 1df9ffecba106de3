"""Classifiers from anywhere: the file tells what it is, gives its own outputs, and takes the images it is asked for."""

from pathlib import Path

import pytest
import torch
from torch import nn

from advgen_ray.attacks.objectives import cross_entropy
from advgen_ray.attacks.pgd import PGD
from advgen_ray.attacks.threat_model import L2
from advgen_ray.errors import UserError
from advgen_ray.models.wide_resnet import WideResNet
from advgen_ray.training.any_classifier import load_classifier
from tests.models_on_disk import save_classifier
from tests.training.foreign_networks import RobustBenchWideResNet, lively

SHAPE = (1, 8, 8)
pytestmark = pytest.mark.filterwarnings("ignore")  # torch's own: TorchScript is deprecated, buffers are read-only


def _network() -> nn.Module:
    torch.manual_seed(0)
    return lively(WideResNet(SHAPE, 10, (0.3,), (0.4,), depth=10, widen_factor=1, base_channels=4))


def _export(model: nn.Module, path: Path, fixed_batch: bool = False, largest: int | None = None) -> None:
    shapes = None if fixed_batch else ({0: torch.export.Dim("n", min=1, max=largest)},)
    torch.export.save(torch.export.export(model, (torch.rand(2, *SHAPE),), dynamic_shapes=shapes), path)


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("exported") / "classifier.pt2"
    _export(_network(), path)
    return path


def _stored(kind: str, folder: Path, exported: Path) -> Path:
    path = folder / "classifier"
    if kind == "exported":
        return exported
    traced = torch.jit.trace(_network(), torch.rand(2, *SHAPE))
    torch.jit.save(torch.jit.freeze(traced) if kind == "frozen" else traced, path)
    return path


@pytest.mark.parametrize("kind", ["torchscript", "frozen", "exported"])
def test_programs_give_their_own_outputs_and_can_be_attacked(kind: str, tmp_path: Path, exported: Path) -> None:
    loaded = load_classifier(_stored(kind, tmp_path, exported), SHAPE, 10)
    assert loaded.card["kind"] == ("exported" if kind == "exported" else "torchscript")
    assert len(loaded.digest) == 64
    model, x, y = _network().requires_grad_(False), torch.rand(7, *SHAPE), torch.arange(7)
    torch.testing.assert_close(loaded.model(x), model(x), rtol=1e-4, atol=1e-4)
    attack = PGD(L2(1.0), 5, 0.4)
    x_adv = attack(loaded.model, x, cross_entropy(y))
    torch.testing.assert_close(x_adv, attack(model, x, cross_entropy(y)), rtol=1e-3, atol=1e-3)
    assert not loaded.model.training


def test_an_exported_program_follows_to_another_device(exported: Path) -> None:
    """Its graph names the device it was stored on at every step."""
    model = load_classifier(exported, SHAPE, 10).model.to("meta")
    assert model(torch.rand(2, *SHAPE, device="meta")).device.type == "meta"


def test_state_dicts_and_our_own_directories(tmp_path: Path) -> None:
    theirs = lively(RobustBenchWideResNet())
    torch.save(theirs.state_dict(), tmp_path / "weights.pt")
    loaded = load_classifier(tmp_path / "weights.pt", (3, 32, 32), 5)
    assert loaded.card["kind"] == "state_dict"
    x = torch.rand(2, 3, 32, 32)
    torch.testing.assert_close(loaded.model(x), theirs(x), rtol=1e-3, atol=1e-3)
    ours = load_classifier(save_classifier(tmp_path / "model"), SHAPE, 10)
    assert ours.card["kind"] == "wide_resnet"


def _refusal(path: Path, num_classes: int = 10, shape: tuple[int, ...] = SHAPE) -> str:
    with pytest.raises(UserError) as caught:
        load_classifier(path, shape, num_classes)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_a_model_of_other_images_or_classes_is_refused(tmp_path: Path, exported: Path) -> None:
    assert "nothing there" in _refusal(tmp_path / "nowhere")
    for told, asked in (
        ("gives [1, 10] for 1 images, expected [1, 7]", {"num_classes": 7}),
        ("does not take 1 images of shape [3, 8, 8]", {"shape": (3, 8, 8)}),
    ):
        assert told in _refusal(exported, **asked)
        assert _refusal(exported, **asked).endswith("another data.name"), "what a user of own images left out"
    ours = Path(save_classifier(tmp_path / "model"))
    assert "does not take 1 images of shape [1, 9, 9]" in _refusal(ours, shape=(1, 9, 9))
    _export(_network(), tmp_path / "fixed.pt2", fixed_batch=True)
    assert "with a batch size that may vary" in _refusal(tmp_path / "fixed.pt2")
    _export(_network(), tmp_path / "bounded.pt2", largest=100)  # which the probe's small batches do not exceed
    assert "may be at most 100, expected a batch of any size" in _refusal(tmp_path / "bounded.pt2")


def test_a_softmax_inside_is_refused(tmp_path: Path) -> None:
    """It makes attacks weak and energies meaningless."""
    _export(nn.Sequential(_network(), nn.Softmax(dim=1)).eval(), tmp_path / "softmax.pt2")
    assert "gives probabilities, expected logits; store the model without its softmax" in _refusal(
        tmp_path / "softmax.pt2"
    )
    _export(nn.Sequential(_network(), nn.Sigmoid()).eval(), tmp_path / "sigmoid.pt2")
    load_classifier(tmp_path / "sigmoid.pt2", SHAPE, 10)  # in [0, 1], but no distribution


def test_a_cut_off_program_is_one_line(exported: Path, tmp_path: Path) -> None:
    (tmp_path / "cut.pt2").write_bytes(exported.read_bytes()[:2000])
    assert "or is damaged" in _refusal(tmp_path / "cut.pt2")
