"""Classifiers from anywhere: the file tells what it is, gives its own outputs, and cannot do more than compute."""

import io
import json
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

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
    assert "gives [1, 10] for 1 images, expected [1, 7]" in _refusal(exported, num_classes=7)
    assert "does not take 1 images of shape [3, 8, 8]" in _refusal(exported, shape=(3, 8, 8))
    ours = Path(save_classifier(tmp_path / "model"))
    assert "does not take 1 images of shape [1, 9, 9]" in _refusal(ours, shape=(1, 9, 9))
    _export(_network(), tmp_path / "fixed.pt2", fixed_batch=True)
    assert "with a batch size that may vary" in _refusal(tmp_path / "fixed.pt2")
    _export(_network(), tmp_path / "bounded.pt2", largest=100)  # which the probe's small batches do not exceed
    assert "may be at most 100, expected a batch of any size" in _refusal(tmp_path / "bounded.pt2")


class _Malicious:
    def __init__(self, marker: Path) -> None:
        self.marker = marker

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (self.marker,)


def _altered(source: Path, path: Path, alter: Callable[[str, bytes], bytes]) -> Path:
    """A copy of an archive with some of its content replaced."""
    with zipfile.ZipFile(source) as archive, zipfile.ZipFile(path, "w") as copy:
        for name in archive.namelist():
            copy.writestr(name, alter(name, archive.read(name)))
    return path


def _in_graph(change: Callable[[dict[str, Any]], None]) -> Callable[[str, bytes], bytes]:
    def alter(name: str, content: bytes) -> bytes:
        if "/models/" not in name:
            return content
        graph = json.loads(content)
        change(graph)
        return json.dumps(graph).encode()

    return alter


def _call_the_system(graph: dict[str, Any]) -> None:
    graph["graph_module"]["graph"]["nodes"][0]["target"] = "torch.os.system"


def _write_a_file(graph: dict[str, Any]) -> None:
    graph["graph_module"]["graph"]["nodes"][0]["target"] = "torch.ops.aten.save.default"


def _name_that_is_source(graph: dict[str, Any]) -> None:
    text = json.dumps(graph["graph_module"]["graph"]["inputs"][-1]["as_tensor"])
    graph["graph_module"]["graph"]["inputs"][-1]["as_tensor"]["name"] = "x=__import__('os').system('true')"
    assert json.loads(text)["name"] == "x"


def _size_that_is_source(graph: dict[str, Any]) -> None:
    sizes = graph["graph_module"]["graph"]["tensor_values"]["x"]["sizes"]
    sizes[0]["as_expr"]["expr_str"] = "__import__('os').system('true')"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (_call_the_system, "calls 'torch.os.system'"),
        (_write_a_file, "calls 'torch.ops.aten.save.default'"),
        (_name_that_is_source, "has the name \"x=__import__('os')"),
        (_size_that_is_source, "has the size \"__import__('os')"),
    ],
)
def test_an_exported_program_that_does_more_is_refused(
    change: Callable[[dict[str, Any]], None], message: str, exported: Path, tmp_path: Path
) -> None:
    assert message in _refusal(_altered(exported, tmp_path / "altered.pt2", _in_graph(change)))


def test_guards_and_stack_traces_never_reach_the_loader(exported: Path, tmp_path: Path) -> None:
    """They are of no use for running the graph, and become source or are resolved there."""

    def change(graph: dict[str, Any]) -> None:
        graph["guards_code"] = ["__import__('pathlib').Path('executed').touch()"]
        graph["graph_module"]["graph"]["nodes"][0]["metadata"]["source_fn_stack"] = "x,torch.os.system"

    loaded = load_classifier(_altered(exported, tmp_path / "altered.pt2", _in_graph(change)), SHAPE, 10)
    loaded.model(torch.rand(2, *SHAPE))
    assert not Path("executed").exists()


def test_pickles_inside_an_exported_program_are_refused(exported: Path, tmp_path: Path) -> None:
    marker = tmp_path / "executed"
    buffer = io.BytesIO()
    torch.save(_Malicious(marker), buffer)

    def inputs(name: str, content: bytes) -> bytes:
        return buffer.getvalue() if "sample_inputs" in name else content

    assert "example inputs are not plain tensors" in _refusal(_altered(exported, tmp_path / "a.pt2", inputs))

    def weights(name: str, content: bytes) -> bytes:
        if name.endswith("weights_config.json"):
            return content.replace(b'"use_pickle": false', b'"use_pickle": true', 1)
        return buffer.getvalue() if name.endswith("weight_0") else content

    assert "holds pickled weights" in _refusal(_altered(exported, tmp_path / "b.pt2", weights))
    assert not marker.exists()


class _WritesAFile(nn.Module):
    def __init__(self, path: str) -> None:
        super().__init__()
        self.path = path

    def forward(self, x: Tensor) -> Tensor:
        torch.save(x, self.path)
        return x.flatten(1)[:, :10]


def test_torchscript_that_writes_files_is_refused(tmp_path: Path) -> None:
    torch.jit.save(torch.jit.script(_WritesAFile(str(tmp_path / "written"))), tmp_path / "classifier.ts")
    assert "calls torch.save, which is no arithmetic" in _refusal(tmp_path / "classifier.ts")
    assert not (tmp_path / "written").exists()


def test_torchscript_with_classes_of_its_own_is_refused(tmp_path: Path) -> None:
    plain = _stored("torchscript", tmp_path, tmp_path)

    def alter(name: str, content: bytes) -> bytes:
        return content + b"# __torch__.torch.classes.aoti.AOTIModelRunner" if name.endswith(".py") else content

    assert "uses custom classes" in _refusal(_altered(plain, tmp_path / "altered", alter))


def test_damaged_programs_are_one_line(exported: Path, tmp_path: Path) -> None:
    def alter(name: str, content: bytes) -> bytes:
        return content[:50] if "/models/" in name else content

    assert "damaged, expected JSON inside" in _refusal(_altered(exported, tmp_path / "a.pt2", alter))
    (tmp_path / "b.pt2").write_bytes(exported.read_bytes()[:2000])
    assert "or is damaged" in _refusal(tmp_path / "b.pt2")
