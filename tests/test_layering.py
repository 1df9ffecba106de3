"""The arrows of the design, read from the imports: what may know what, and what must stay light."""

import ast
import importlib.metadata
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "advgen_ray"

# Leaves that everything may use; the maths never sees a config.
COMMON = {"errors", "credentials", "rng", "versions", "data.catalog"}
MATHS = {"models", "attacks", "losses", "energy", "diffusion", "counterfactuals", "detection", "synthesis"}
ALLOWED: dict[str, set[str]] = {
    "errors": set(),
    "credentials": set(),
    "rng": set(),
    "turns": set(),
    "versions": set(),
    "config": set(),
    "recipes": {"config"},
    "data": set(),
    "energy": set(),
    "diffusion": set(),
    "models": set(),
    "attacks": {"energy"},
    "losses": {"attacks.objectives", "energy"},
    "counterfactuals": {"diffusion", "energy", "attacks"},
    "detection": {"attacks", "energy", "counterfactuals", "models"},
    "synthesis": {"attacks", "energy", "counterfactuals", "models"},
    "catalogue": {"config", "recipes", "analysis"},
    "analysis": {"attacks", "energy", "diffusion", "counterfactuals", "models", "detection", "synthesis"},
    "training": {"losses", "attacks", "detection", "diffusion", "data", "models", "config", "energy"},
    "storage": set(),
    "tracking": set(),
    "report": {"analysis", "catalogue", "config.plain_yaml"},
    # The row makers and the stages turn a config's words into bound functions, so they may name any piece of maths.
    "distributed": {"training", "storage", "tracking", "data", "config"} | MATHS,
    "stages": {"distributed", "tracking", "analysis", "report", "catalogue", "storage", "training", "data", "config"}
    | MATHS,
    "costs": {"attacks", "config", "catalogue", "data", "models", "diffusion", "training", "distributed", "stages"},
    "job": {"config", "recipes", "distributed", "tracking", "turns"},
    "submit": {"config", "recipes", "tracking"},
    "job_server": {"submit"},
    "cli": {"config", "costs", "recipes", "job", "submit", "job_server", "stages", "storage"},
    "jobs": {"config", "costs", "job", "stages"},
}  # fmt: skip
RAY_USERS = {"distributed", "job_server"}
LIGHT = sorted(
    MATHS | COMMON - {"data.catalog"} | {"config", "recipes", "data", "training", "storage", "tracking", "analysis"}
)


def tracked(*patterns: str) -> list[Path]:
    """The repository's files of these kinds; without git, whatever lies there."""
    listed = subprocess.run(
        ["git", "-C", str(ROOT), "ls-files", *patterns], capture_output=True, text=True, check=False
    )
    if listed.returncode == 0:
        files = [ROOT / name for name in listed.stdout.splitlines()]
    else:
        files = [path for pattern in patterns for path in ROOT.rglob(pattern) if ".venv" not in path.parts]
    return sorted(path for path in files if path.exists())


MODULES = tracked("*.py")


def layer(path: Path) -> str:
    """``attacks`` for ``advgen_ray/attacks/pgd.py``; ``cli`` for ``advgen_ray/cli.py``; ``jobs``; ``tests``."""
    parts = path.relative_to(ROOT).with_suffix("").parts
    return parts[1] if parts[0] == "advgen_ray" and len(parts) > 1 else parts[0]


@cache
def parsed(path: Path) -> ast.Module:
    """A file's syntax."""
    return ast.parse(path.read_text())


@cache
def imports(path: Path) -> set[str]:
    """Full names of every module imported anywhere in a file, inside functions too."""
    found: set[str] = set()
    for node in ast.walk(parsed(path)):
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            assert node.module
            found.update(f"{node.module}.{alias.name}" for alias in node.names)
    return found


def internal(path: Path) -> set[str]:
    """The parts of advgen_ray that a file imports, without the package's name."""
    return {name.removeprefix("advgen_ray.") for name in imports(path) if name.startswith("advgen_ray.")}


def matches(name: str, allowed: set[str]) -> bool:
    """Whether ``attacks.pgd.pgd`` lies in one of ``{"attacks"}``."""
    return any(name == part or name.startswith(part + ".") for part in allowed)


def forbidden_edges(path: Path) -> list[str]:
    """Imports of a file that point where its layer must not look."""
    here = layer(path)
    allowed = ALLOWED[here] | COMMON | {here}
    return sorted(name for name in internal(path) if not matches(name, allowed))


LAYERED = [path for path in MODULES if path.is_relative_to(PACKAGE) or path.is_relative_to(ROOT / "jobs")]


def test_imports_point_down() -> None:
    assert not imports(PACKAGE / "__init__.py")
    modules = [path for path in LAYERED if path != PACKAGE / "__init__.py"]
    assert {layer(path) for path in modules} <= set(ALLOWED), "no layer of the design; give it a place"
    assert {str(path): edges for path in modules if (edges := forbidden_edges(path))} == {}


def test_the_table_holds_no_cycle() -> None:
    done: set[str] = set()
    while len(done) < len(ALLOWED):
        free = {
            name for name, edges in ALLOWED.items() if name not in done and {e.split(".")[0] for e in edges} <= done
        }
        assert free, f"cycle among {sorted(set(ALLOWED) - done)}"
        done |= free


def test_the_maths_knows_no_machine() -> None:
    machinery = {"config", "recipes", "storage", "tracking", "distributed", "training", "stages"}
    for name in MATHS:
        assert not {edge.split(".")[0] for edge in ALLOWED[name]} & machinery


@pytest.mark.parametrize(("library", "users"), [("ray", RAY_USERS), ("mlflow", {"tracking"}), ("boto3", {"storage"})])
def test_a_library_has_one_home(library: str, users: set[str]) -> None:
    found = {layer(path) for path in LAYERED for name in imports(path) if name.split(".")[0] == library}
    assert found <= users


def test_the_light_packages_load_neither_ray_nor_mlflow() -> None:
    names = [
        ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
        for path in LAYERED
        if layer(path) in LIGHT
    ]
    assert len(names) > 20
    program = (
        "import importlib, sys\n"
        f"for name in {names}: importlib.import_module(name)\n"
        "print(sorted({'ray', 'mlflow', 'boto3', 'matplotlib'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@cache
def providers() -> Mapping[str, list[str]]:
    """Installed distributions by the top-level modules they bring."""
    return importlib.metadata.packages_distributions()


def distributions(name: str) -> set[str]:
    """Normalised names of the installed distributions that provide a top-level module."""
    return {re.sub(r"[-_.]+", "-", found).lower() for found in providers().get(name, [name])}


def declared() -> tuple[set[str], set[str]]:
    """What pyproject asks for: at run time, and in addition for development."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]

    def names(requirements: list[str]) -> set[str]:
        return {re.sub(r"[-_.]+", "-", re.split(r"[\[<>=!~; ]", text)[0]).lower() for text in requirements}

    extras = project["optional-dependencies"].values()
    return names(project["dependencies"]), names([requirement for extra in extras for requirement in extra])


@pytest.mark.parametrize("part", ["advgen_ray", "jobs", "tests"])
def test_every_imported_package_is_declared(part: str) -> None:
    runtime, development = declared()
    own = {"advgen_ray", "tests", "jobs", "conftest"} | set(sys.stdlib_module_names)
    for path in MODULES:
        if path.relative_to(ROOT).parts[0] == part:
            for top in sorted({name.split(".")[0] for name in imports(path)} - own):
                asked = runtime | development if part == "tests" else runtime
                assert distributions(top) & asked, f"{path}: {top} is not declared in pyproject.toml"


def complaints(path: Path) -> Iterator[str]:
    """What is wrong with the form of a file."""
    text, tree = path.read_text(), parsed(path)
    if not (text.startswith('"""') and text.split("\n")[0].strip('" ')):
        yield "does not say its reason in its first line"
    if (num_lines := text.count("\n")) > 250:
        yield f"has {num_lines} lines, over 250"
    for node in ast.walk(tree):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            assert node.end_lineno is not None
            if node.end_lineno - node.lineno >= 60:
                yield f"{node.name} is over 60 lines"


def test_a_module_says_its_reason_and_stays_small() -> None:
    assert {str(path): found for path in MODULES if (found := list(complaints(path)))} == {}


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ('"""Why."""\n', []),
        ("x = 1\n", ["does not say its reason in its first line"]),
        ('"""\nLater."""\n', ["does not say its reason in its first line"]),
        ('"""Why."""\n' + "x = 1\n" * 250, ["has 251 lines, over 250"]),
        ('"""Why."""\ndef f():\n' + "    pass\n" * 60, ["f is over 60 lines"]),
    ],
)
def test_a_mistake_of_form_is_found(text: str, found: list[str], tmp_path: Path) -> None:
    (tmp_path / "module.py").write_text(text)
    assert list(complaints(tmp_path / "module.py")) == found
