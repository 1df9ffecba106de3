"""Networks stored as programs, TorchScript and torch.export files, loaded only where they do nothing but compute.

Both formats hold a graph of tensor operations, but their loaders trust the file. TorchScript can call operations that
write files, and classes that bring compiled code. ``torch.export.load`` unpickles, evaluates expressions, and turns
names of the file into Python source. So the content is read first, as text; what is not plainly arithmetic is refused.
"""

import io
import json
import re
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.export import ExportedProgram
from torch.export.passes import move_to_device_pass

from advgen_ray.errors import DAMAGED_ZIP, UserError

# An operation of torch's tensor library, arithmetic on sizes, or one of the regions in which a graph runs.
HARMLESS_TARGET = re.compile(
    r"torch\.ops\.aten\.(?!save\b|from_file\b)_?[a-z]\w*(\.[A-Za-z]\w*)?"
    r"|_operator\.(add|sub|mul|floordiv|truediv|mod|neg|eq|ne|lt|le|gt|ge|getitem)"
    r"|torch\.ops\.higher_order\.(wrap_with_autocast|wrap_with_set_grad_enabled)"
)
NAME = re.compile(r"[\w.]*")
# Of sizes, s77 and u0: sums, products and quotients as sympy writes them.
EXPRESSION = re.compile(
    r"(?:Symbol\('[su]\d+'(?:, \w+=True)*\)|Integer|Add|Mul|FloorDiv|Mod|Max|Min|\*(?!\*)|[su\d\s,+/()-])*"
)
TREE = re.compile(r'(?:[\[\]{}:,\d\s]|null|"(?:type|context|children_spec|builtins\.\w+|null|\[\]|\w*)"|\\")*')
FREE_TEXT = {"torch_version", "verifiers"}
LARGEST_BATCH = 1024  # what a program must take, so that a job does not end where its batches are larger than the probe


class FixedProgram(nn.Module):
    """A loaded program as a module: always in evaluation mode, its weights fixed.

    The program is no submodule. A frozen or exported one knows no modes and raises where it is asked for its own.
    ``exported`` is what an exported graph came from: it names the device it was stored on at every step.
    """

    def __init__(self, program: nn.Module, exported: ExportedProgram | None = None) -> None:
        super().__init__()
        self.held, self.exported = (_without_gradients(program),), exported
        self.training = False

    def forward(self, *inputs: Tensor) -> Tensor:
        """What the program gives: of a classifier, logits ``[N, K]`` of images ``[N, C, H, W]`` in [0, 1]."""
        return self.held[0](*inputs)

    def train(self, mode: bool = True) -> "FixedProgram":
        """Nothing: the mode was decided when the program was stored."""
        return self

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> "FixedProgram":
        """What moves a module to a device."""
        if self.exported is None:
            self.held[0]._apply(fn, recurse)
        else:
            self.exported = move_to_device_pass(self.exported, fn(torch.empty(0)).device)
            self.held = (_without_gradients(self.exported.module(check_guards=False)),)
        return self


def _without_gradients(program: nn.Module) -> nn.Module:
    for parameter in program.parameters():
        parameter.requires_grad_(False)  # one by one: TorchScript knows no requires_grad_ of a module
    return program


def load_program(path: Path) -> tuple[str, nn.Module] | None:
    """The program that a file holds, and "torchscript" or "exported"; None for a file that holds neither.

    Raises UserError for a program that does more than compute, or is damaged.
    """
    names = _names_in(path)
    if "constants.pkl" in names and any(name.startswith("code/") for name in names):  # as torch.jit.save writes them
        return "torchscript", _load_torchscript(path)
    if any(name.startswith("models/") and name.endswith(".json") for name in names):  # as torch.export.save does
        return "exported", _load_exported(path)
    return None


def _names_in(path: Path) -> list[str]:
    """Names in a zip archive without its leading folder; none where the file is no such archive."""
    if not zipfile.is_zipfile(path):
        return []
    with zipfile.ZipFile(path) as archive:
        return [name.partition("/")[2] for name in archive.namelist()]


def _load_torchscript(path: Path) -> nn.Module:
    """A TorchScript program; raises UserError for one that uses more than torch's own arithmetic.

    Its code runs in TorchScript's interpreter, which has neither Python nor imports, its pickles name classes of that
    language only. What is left are operations on files, custom operations and custom classes; a file with one of them
    is not loaded.
    """

    def checked(name: str, content: bytes) -> bytes:
        if b"torch.classes" in content and name.endswith((".py", ".pkl")):
            raise _refused(path, "uses custom classes, which may hold compiled code")
        code = content.decode(errors="replace") if name.endswith(".py") else ""
        found = re.search(r"\b(?:torch|ops\.aten)\.(save|from_file)\b|\bops\.(?!aten\.|prim\.)(\w+)", code)
        if found:
            raise _refused(path, f"calls {found.group()}, which is no arithmetic")
        return content

    try:
        model = torch.jit.load(_checked_archive(path, checked), map_location="cpu")
    except RuntimeError as error:
        raise UserError(f"{path}: no TorchScript this torch can load: {_first_line(error)}") from None
    if getattr(model, "training", False):
        model.eval()
    return FixedProgram(model)


def _load_exported(path: Path) -> nn.Module:
    """A program stored by ``torch.export.save``; raises UserError for one that does more than arithmetic.

    What the loader would evaluate or write into source is checked or emptied before it sees the file.
    """

    def checked(name: str, content: bytes) -> bytes:
        if name.startswith("models/"):
            return json.dumps(_checked_graph(path, _json(path, content))).encode()
        if name.endswith("_config.json"):
            _check_payloads(path, _json(path, content))
        elif name.startswith("data/sample_inputs/"):
            _check_tensors_only(path, content)
        elif name.endswith(".pt") or "custom_obj" in name or name.startswith(("data/aotinductor", "extra/")):
            raise _refused(path, f"holds {name}, which may execute code")
        return content

    try:
        exported = torch.export.load(_checked_archive(path, checked))
        program = exported.module(check_guards=False)
    except (RuntimeError, AssertionError, KeyError, ValueError, TypeError, AttributeError) as error:
        raise UserError(f"{path}: no exported program this torch can load: {_first_line(error)}") from None
    for size, allowed in exported.range_constraints.items():
        if allowed.upper < LARGEST_BATCH:
            raise UserError(
                f"{path}: {size} of its inputs may be at most {allowed.upper}, expected a batch of any size; export it "
                "with dynamic_shapes that have torch.export.Dim('batch') without max"
            )
    return FixedProgram(program, exported)


def _checked_archive(path: Path, checked: Callable[[str, bytes], bytes]) -> io.BytesIO:
    """The archive written anew from what was checked: loaders that read zip files differently see the same."""
    harmless = io.BytesIO()
    try:
        with zipfile.ZipFile(path) as archive, zipfile.ZipFile(harmless, "w") as copy:
            for name in dict.fromkeys(archive.namelist()):
                copy.writestr(name, checked(name.partition("/")[2], archive.read(name)))
    except DAMAGED_ZIP as error:
        raise UserError(f"{path}: damaged: {error}") from None
    harmless.seek(0)
    return harmless


def _checked_graph(path: Path, content: Any) -> dict[str, Any]:
    """The stored graph without what is not needed to run it; raises UserError for anything but names and arithmetic."""
    if not isinstance(content, dict) or not isinstance(content.get("graph_module"), dict):
        raise _refused(path, "its graph is not where torch.export puts it")
    graph = content | {"guards_code": []}
    calls = graph["graph_module"].get("module_call_graph") or []
    graph["graph_module"] = graph["graph_module"] | {"module_call_graph": calls[:1]}  # the whole, not its parts
    graph = _without_metadata(graph)
    for key, text in _texts(graph):
        if key == "target":
            if not HARMLESS_TARGET.fullmatch(text):
                raise _refused(path, f"calls {text!r}, which is no arithmetic")
        elif key == "expr_str":
            if not EXPRESSION.fullmatch(text):
                raise _refused(path, f"has the size {text!r}, which is no arithmetic")
        elif key in ("in_spec", "out_spec"):
            if not TREE.fullmatch(text):
                raise _refused(path, f"has inputs or outputs {text!r}")
        elif key not in FREE_TEXT and not NAME.fullmatch(text):
            raise _refused(path, f"has the name {text!r}")
    return graph


def _without_metadata(value: Any) -> Any:
    """Stack traces and module paths emptied: text about the graph that the loader would still resolve."""
    if isinstance(value, dict):
        return {key: {} if key == "metadata" else _without_metadata(inner) for key, inner in value.items()}
    return [_without_metadata(inner) for inner in value] if isinstance(value, list) else value


def _texts(value: Any, key: str = "") -> Iterator[tuple[str, str]]:
    """Every string below a JSON value with the key it stands under; keys are strings, too."""
    if isinstance(value, str):
        yield key, value
    elif isinstance(value, list):
        for inner in value:
            yield from _texts(inner, key)
    elif isinstance(value, dict):
        for name, inner in value.items():
            yield "", name
            yield from _texts(inner, name)


def _check_payloads(path: Path, content: Any) -> None:
    """Raise UserError unless weights and constants are stored as bare numbers."""
    entries = content.get("config", {}).values() if isinstance(content, dict) else [{}]
    for entry in entries:
        if entry.get("use_pickle") is not False or not re.fullmatch(r"\w+", str(entry.get("path_name"))):
            raise _refused(path, "holds pickled weights; export it again with plain tensors")
        if str(entry["path_name"]).startswith("custom_obj"):
            raise _refused(path, "holds custom objects, which may execute code")


def _check_tensors_only(path: Path, content: bytes) -> None:
    """Raise UserError for example inputs that are more than tensors: the loader would unpickle them in full."""
    try:
        if content:
            torch.load(io.BytesIO(content), weights_only=True)
    except Exception:
        raise _refused(path, "its example inputs are not plain tensors") from None


def _json(path: Path, content: bytes) -> Any:
    try:
        return json.loads(content)
    except ValueError:
        raise UserError(f"{path}: damaged, expected JSON inside") from None


def _refused(path: Path, why: str) -> UserError:
    return UserError(f"{path}: not loaded: it {why}")


def _first_line(error: Exception) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0]
