"""The Inception network of FIDs: the layers of the standard port, and its file read without running what is in it."""

from pathlib import Path

import pytest
import torch
from pytorch_fid import inception as port
from torch import nn
from torchvision.models import inception_v3

from advgen_ray.errors import UserError
from advgen_ray.training.foreign_inception import load_fid_inception


@pytest.fixture(scope="module")
def network() -> nn.Module:
    """pytorch-fid's network with random weights and running statistics; the file itself is 90 MB elsewhere."""
    torch.manual_seed(0)
    found = inception_v3(weights=None, num_classes=1008, aux_logits=False, init_weights=False)
    found.Mixed_5b = port.FIDInceptionA(192, pool_features=32)
    found.Mixed_5c = port.FIDInceptionA(256, pool_features=64)
    found.Mixed_5d = port.FIDInceptionA(288, pool_features=64)
    for name, width in (("6b", 128), ("6c", 160), ("6d", 160), ("6e", 192)):
        setattr(found, f"Mixed_{name}", port.FIDInceptionC(768, channels_7x7=width))
    found.Mixed_7b, found.Mixed_7c = port.FIDInceptionE_1(1280), port.FIDInceptionE_2(2048)
    for module in found.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.running_mean.normal_(0, 0.1)
            module.running_var.uniform_(0.5, 1.5)
    return found.eval()


def test_features_are_those_of_the_standard_port(network: nn.Module, tmp_path: Path, monkeypatch) -> None:
    """From a file as its own is: of before batch norm had counters."""
    state = {name: value for name, value in network.state_dict().items() if not name.endswith("num_batches_tracked")}
    torch.save(state, tmp_path / "weights.pth")
    loaded = load_fid_inception(tmp_path / "weights.pth")
    monkeypatch.setattr(port, "fid_inception_v3", lambda: network)
    x = torch.rand(2, 3, 32, 32, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        expected = port.InceptionV3([3])(x)[0][:, :, 0, 0]
        features, logits = loaded.model(x)
        grey, _ = loaded.model(x[:, :1])
        again, _ = loaded.model(x[:, :1].expand(-1, 3, -1, -1))
    torch.testing.assert_close(features, expected, rtol=1e-4, atol=1e-5)
    assert features.std() > 1e-3
    torch.testing.assert_close(logits, network.fc(expected) - network.fc.bias, rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(grey, again)
    with pytest.raises(ValueError, match="1 or 3"):
        loaded.model(x[:, :2])


def test_other_files_are_refused_in_one_line(tmp_path: Path) -> None:
    torch.save({"fc.weight": torch.zeros(1008, 2048)}, tmp_path / "part.pth")
    with pytest.raises(UserError, match="weights of another architecture"):
        load_fid_inception(tmp_path / "part.pth")
    torch.save({"fc.weight": Path("x")}, tmp_path / "objects.pth")
    with pytest.raises(UserError, match="holds more than tensors"):
        load_fid_inception(tmp_path / "objects.pth")
    with pytest.raises(UserError, match="not found"):
        load_fid_inception(tmp_path / "absent.pth")
