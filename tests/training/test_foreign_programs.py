"""Programs that would do more than compute are refused before anything of them has run; damaged ones are one line."""

import io
import json
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from advgen_ray.errors import UserError
from advgen_ray.training.foreign_programs import load_program
from tests.damage import Bomb

SHAPE = (1, 8, 8)
pytestmark = pytest.mark.filterwarnings("ignore")  # torch's own: TorchScript is deprecated, buffers are read-only

Alter = Callable[[str, bytes], bytes]
"""The content of a member of an archive in another form, or as it is."""


class _Linear(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.last = nn.Linear(64, 10)

    def forward(self, x: Tensor) -> Tensor:
        return self.last(x.flatten(1))


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("exported") / "program.pt2"
    shapes = ({0: torch.export.Dim("n", min=1)},)
    torch.export.save(torch.export.export(_Linear(), (torch.rand(2, *SHAPE),), dynamic_shapes=shapes), path)
    return path


@pytest.fixture(scope="module")
def script(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("script") / "program.ts"
    torch.jit.save(torch.jit.trace(_Linear(), torch.rand(2, *SHAPE)), path)
    return path


def _refusal(path: Path) -> str:
    with pytest.raises(UserError) as caught:
        load_program(path)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def _altered(source: Path, path: Path, alter: Alter, *more: tuple[str, bytes]) -> Path:
    """A copy of an archive with some of its content replaced, and more members."""
    with zipfile.ZipFile(source) as archive, zipfile.ZipFile(path, "w") as copy:
        for name in archive.namelist():
            copy.writestr(name, alter(name, archive.read(name)))
        folder = archive.namelist()[0].partition("/")[0]
        for name, content in more:
            copy.writestr(f"{folder}/{name}", content)
    return path


def _nothing(name: str, content: bytes) -> bytes:
    return content


def _in_graph(change: Callable[[dict[str, Any]], None]) -> Alter:
    def alter(name: str, content: bytes) -> bytes:
        if "/models/" not in name:
            return content
        graph = json.loads(content)
        change(graph)
        return json.dumps(graph).encode()

    return alter


def _in_script(before: str, after: str) -> Alter:
    def alter(name: str, content: bytes) -> bytes:
        return content.replace(before.encode(), after.encode()) if name.endswith(".py") else content

    return alter


def _calls(target: str) -> Callable[[dict[str, Any]], None]:
    def change(graph: dict[str, Any]) -> None:
        graph["graph_module"]["graph"]["nodes"][0]["target"] = target

    return change


def _name_that_is_source(graph: dict[str, Any]) -> None:
    graph["graph_module"]["graph"]["inputs"][-1]["as_tensor"]["name"] = "x=__import__('os').system('true')"


def _size_that_is_source(graph: dict[str, Any]) -> None:
    sizes = graph["graph_module"]["graph"]["tensor_values"]["x"]["sizes"]
    sizes[0]["as_expr"]["expr_str"] = "__import__('os').system('true')"


def _structure_of(key: str) -> Callable[[dict[str, Any]], None]:
    """Inputs or outputs in a container by the name of a class, which the loader would look up."""

    def change(graph: dict[str, Any]) -> None:
        signature = graph["graph_module"]["module_call_graph"][0]["signature"]
        assert "builtins.tuple" in signature["in_spec"]
        signature[key] = '[1, {"type": "os.system", "context": "null", "children_spec": []}]'

    return change


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (_calls("torch.os.system"), "calls 'torch.os.system'"),
        (_calls("torch.ops.aten.save.default"), "calls 'torch.ops.aten.save.default'"),
        (_calls("torch.ops.aten.from_file.default"), "calls 'torch.ops.aten.from_file.default'"),
        (_name_that_is_source, "has the name \"x=__import__('os')"),
        (_size_that_is_source, "has the size \"__import__('os')"),
        (_structure_of("in_spec"), 'has inputs or outputs \'[1, {"type": "os.system"'),
        (_structure_of("out_spec"), 'has inputs or outputs \'[1, {"type": "os.system"'),
        (dict.clear, "its graph is not where torch.export puts it"),
    ],
)
def test_an_exported_program_that_does_more_is_refused(
    change: Callable[[dict[str, Any]], None], message: str, exported: Path, tmp_path: Path
) -> None:
    assert message in _refusal(_altered(exported, tmp_path / "altered.pt2", _in_graph(change)))


@pytest.mark.parametrize(
    "name",
    [
        "data/weights/weight_7.pt",
        "data/constants/custom_obj_0",
        "data/aotinductor/model/kernel.so",
        "extra/notes.txt",
    ],
)
def test_members_that_may_execute_code_are_refused(name: str, exported: Path, tmp_path: Path) -> None:
    altered = _altered(exported, tmp_path / "altered.pt2", _nothing, (name, b"anything"))
    assert f"not loaded: it holds {name}, which may execute code" in _refusal(altered)


def test_guards_and_stack_traces_never_reach_the_loader(
    exported: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They are of no use for running the graph, and become source or are resolved there."""
    monkeypatch.chdir(tmp_path)

    def change(graph: dict[str, Any]) -> None:
        graph["guards_code"] = ["__import__('pathlib').Path('executed').touch()"]
        graph["graph_module"]["graph"]["nodes"][0]["metadata"]["source_fn_stack"] = "x,torch.os.system"

    loaded = load_program(_altered(exported, tmp_path / "altered.pt2", _in_graph(change)))
    assert loaded is not None
    assert loaded[1](torch.rand(2, *SHAPE)).shape == (2, 10)
    assert not Path("executed").exists()


def test_pickles_and_objects_inside_an_exported_program_are_refused(exported: Path, tmp_path: Path) -> None:
    marker = tmp_path / "executed"
    buffer = io.BytesIO()
    torch.save(Bomb(marker), buffer)

    def inputs(name: str, content: bytes) -> bytes:
        return buffer.getvalue() if "sample_inputs" in name else content

    def weights(before: bytes, after: bytes) -> Alter:
        def alter(name: str, content: bytes) -> bytes:
            if name.endswith("weights_config.json"):
                assert before in content
                return content.replace(before, after, 1)
            return buffer.getvalue() if name.endswith("weight_0") else content

        return alter

    refusals = {
        "example inputs are not plain tensors": inputs,
        "holds pickled weights": weights(b'"use_pickle": false', b'"use_pickle": true'),
        "holds pickled weights; export it again": weights(b'"weight_0"', b'"../weight_0"'),
        "holds custom objects, which may execute code": weights(b'"weight_0"', b'"custom_obj_0"'),
    }
    for number, (message, alter) in enumerate(refusals.items()):
        assert message in _refusal(_altered(exported, tmp_path / f"{number}.pt2", alter))
    assert not marker.exists()


class _WritesAFile(nn.Module):
    def __init__(self, path: str) -> None:
        super().__init__()
        self.path = path

    def forward(self, x: Tensor) -> Tensor:
        torch.save(x, self.path)
        return x.flatten(1)[:, :10]


def test_torchscript_that_writes_files_is_refused(tmp_path: Path) -> None:
    torch.jit.save(torch.jit.script(_WritesAFile(str(tmp_path / "written"))), tmp_path / "program.ts")
    assert "calls torch.save, which is no arithmetic" in _refusal(tmp_path / "program.ts")
    assert not (tmp_path / "written").exists()


def test_operations_of_torchscript_are_torchs_own_arithmetic(script: Path, tmp_path: Path) -> None:
    same = load_program(_altered(script, tmp_path / "same", _in_script("torch.flatten", "ops.aten.flatten")))
    assert same is not None
    assert same[1](torch.rand(2, *SHAPE)).shape == (2, 10)
    for call in ("ops.custom.flatten", "torch.from_file", "ops.aten.from_file", "ops.aten.save"):
        altered = _altered(script, tmp_path / call, _in_script("torch.flatten", call))
        assert f"calls {call.removesuffix('.flatten')}, which is no arithmetic" in _refusal(altered)


def test_torchscript_with_classes_of_its_own_is_refused(script: Path, tmp_path: Path) -> None:
    for member in (".py", ".pkl"):

        def alter(name: str, content: bytes, member: str = member) -> bytes:
            return content + b"# __torch__.torch.classes.aoti.AOTIModelRunner" if name.endswith(member) else content

        assert "uses custom classes" in _refusal(_altered(script, tmp_path / f"altered{member}", alter))


def test_damaged_programs_are_one_line(exported: Path, script: Path, tmp_path: Path) -> None:
    def cut(name: str, content: bytes) -> bytes:
        return content[:50] if "/models/" in name else content

    assert "damaged, expected JSON inside" in _refusal(_altered(exported, tmp_path / "cut", cut))
    unknown = _altered(exported, tmp_path / "unknown", _in_graph(_calls("torch.ops.aten.no_such_thing.default")))
    assert "no exported program this torch can load: " in _refusal(unknown)
    other = _altered(script, tmp_path / "other", _in_script("torch.flatten", "torch.no_such_thing"))
    assert "no TorchScript this torch can load: " in _refusal(other)


@pytest.mark.parametrize(
    ("compression", "said"), [(zipfile.ZIP_STORED, "Bad CRC-32"), (zipfile.ZIP_DEFLATED, "while decompressing")]
)
def test_a_flipped_bit_is_one_line(script: Path, compression: int, said: str, tmp_path: Path) -> None:
    path = _altered(script, tmp_path / "program", _nothing)
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("program/more", bytes(range(256)) * 40, compress_type=compression)
        member = archive.getinfo("program/more")
    content = bytearray(path.read_bytes())
    content[member.header_offset + 30 + len(member.filename)] ^= 0b110  # of deflate the kind of the first block
    path.write_bytes(content)
    assert f"{path}: damaged: " in (refusal := _refusal(path))
    assert said in refusal
