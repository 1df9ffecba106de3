"""The image of a pod: its Dockerfile, what may reach it, and the pins that it and the nodes of `ray up` install."""

import os
import platform
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.cluster_files.dockerfile_checks import complaints, copied, ignored, parse
from tests.cluster_files.repository import CLUSTER, IMAGE, PROJECT, RAY, ROOT, WHEEL, pins

DOCKERFILE = (CLUSTER / "Dockerfile").read_text()
RULES = (ROOT / ".dockerignore").read_text()


def test_nothing_is_wrong() -> None:
    assert complaints(DOCKERFILE) == []
    assert f"--tag {IMAGE} " in DOCKERFILE.splitlines()[0]


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("python:3.11.14-slim-bookworm\n", "python:3.11-slim\n", "a tag that moves"),
        ("python:3.11.14-slim-bookworm\n", "python\n", "a tag that moves"),
        ("--constraint /opt/advgen/constraints.txt ", "", "without the constraints"),
        ("/opt/advgen/wheel/*.whl", "ray", "is not installed"),
        ("[attacks,diffusers]", "", "is not installed with its extras"),
        ("USER 1000", "USER ray", "expected a number"),
        ("USER 1000", "USER 0", "not root's"),
        ("USER 1000", "", "USER []"),
        ("USER 1000", "USER 1000\nRUN pip install x.whl", "after USER"),
        ("COPY jobs", "COPY . /all\nCOPY jobs", "COPY .: everything"),
        ("WORKDIR /home", "EXPOSE 8265\nWORKDIR /home", "EXPOSE 8265"),
        ("WORKDIR /home", "ADD http://a/b /b\nWORKDIR /home", "ADD http"),
        ("ENV RAY_USAGE", "ARG RAY_AUTH_TOKEN\nENV RAY_USAGE", "ARG RAY_AUTH_TOKEN: a secret"),
        ("ENV RAY_USAGE", "ENV AWS_ACCESS_KEY_ID=AKIA" + "Q7" * 8 + " RAY_USAGE", "secret: AKIA"),
    ],
)
def test_a_mistake_is_found(old: str, new: str, words: str) -> None:
    assert old in DOCKERFILE
    found = complaints(DOCKERFILE.replace(old, new))
    assert any(words in line for line in found), found


def test_what_the_image_copies_is_there_and_let_through() -> None:
    paths = copied(parse(DOCKERFILE))
    assert len(paths) >= 6
    for path in paths:
        assert (ROOT / path).exists(), path
        assert not ignored(RULES, path), path
    for module in (ROOT / "advgen_ray").rglob("*.py"):
        assert not ignored(RULES, str(module.relative_to(ROOT))), module


@pytest.mark.parametrize(
    "path",
    [
        "data/cifar-10/train", "runs/demo/report.html", "runs/mlflow.db", ".venv/bin/python", ".git/config", ".env",
        "mlflow.db", "dist/x.whl", "advgen_ray/models/__pycache__/unet.pyc", "tests/test_job.py", "cluster/aws.yaml",
    ],
)  # fmt: skip
def test_nothing_else_reaches_the_image(path: str) -> None:
    assert ignored(RULES, path)


def test_rules_are_read_as_docker_reads_them() -> None:
    assert ignored("data", "data/a/b")
    assert not ignored("data", "advgen_ray/data/a")
    assert ignored("**/data", "advgen_ray/data/a")
    assert not ignored("*\n!a/", "a/b")
    assert ignored("*\n!a/\n# !b", "b")
    assert ignored("!a\n*", "a")  # the last one decides


def test_every_dependency_is_pinned_to_a_version_that_the_project_takes() -> None:
    pinned = pins()
    extras = PROJECT["optional-dependencies"]  # those that jobs use
    for text in (*PROJECT["dependencies"], *extras["attacks"], *extras["diffusers"]):
        asked = Requirement(text)
        version = pinned[canonicalize_name(asked.name)]
        assert asked.specifier.contains(version), f"{asked}: cluster/constraints.txt has {version}; make constraints"
    assert pinned["ray"] == RAY
    assert {"google-api-python-client", "nvidia-cudnn-cu13"} <= pinned.keys()  # the head on GCP, torch on a GPU


@pytest.mark.skipif((sys.platform, platform.machine()) != ("linux", "x86_64"), reason="the pins are those of x86 Linux")
def test_a_nodes_setup_resolves_the_wheel_under_the_pins(tmp_path: Path) -> None:
    """The script as a node runs it, up to the point where gigabytes would be installed."""
    uv = shutil.which("uv", path=str(Path(sys.executable).parent))
    if uv is None:
        pytest.skip("no uv beside this python; make install brings it")
    source, node = tmp_path / "source", tmp_path / "advgen"
    shutil.copytree(ROOT / "advgen_ray", source / "advgen_ray", ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, source)
    node.mkdir()
    for name in ("setup_node.sh", "constraints.txt"):
        shutil.copy(CLUSTER / name, node)
    cache = subprocess.run([uv, "cache", "dir"], capture_output=True, text=True, check=True).stdout.strip()
    own = {"HOME": str(tmp_path), "UV_CACHE_DIR": cache, "PATH": f"{Path(uv).parent}:{os.defpath}"}
    if not _index_answers(uv, own):
        pytest.skip("no package index within reach")
    _run([uv, "build", "--quiet", "--wheel", "--out-dir", str(node), str(source)], own)
    assert (node / WHEEL).is_file()
    setup = ["bash", str(node / "setup_node.sh"), "google-api-python-client", "--dry-run"]
    lines = _run(setup, own).stderr.splitlines()
    found = dict(line.strip(" +").split("==") for line in lines if "==" in line)
    assert {name: version for name, version in found.items() if name in pins()} == pins(), "the extras' among them"
    assert any("advgen" in line for line in lines)
    shell = _run(["bash", "-i", "-c", "echo $RAY_AUTH_MODE $PATH"], {**own, "PATH": os.defpath})
    assert shell.stdout.startswith(f"token {node}/venv/bin:")  # every later shell of the node asks for a token


def _index_answers(uv: str, own: dict[str, str]) -> bool:
    """Whether one small package is found, and not in the cache."""
    command = [uv, "pip", "compile", "--quiet", "--no-cache", "--no-deps", "-"]
    try:
        asked = subprocess.run(
            command,
            input="packaging",
            env={**os.environ, **own},
            capture_output=True,
            text=True,
            timeout=30,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return False
    return asked.returncode == 0


def _run(command: list[str], own: dict[str, str]) -> subprocess.CompletedProcess[str]:
    try:
        done = subprocess.run(
            command, env={**os.environ, **own}, capture_output=True, text=True, timeout=120, check=False
        )
    except subprocess.TimeoutExpired:
        pytest.skip("the package index does not answer in time")
    if "Failed to fetch" in done.stderr or "error sending request" in done.stderr:
        pytest.skip("no package index within reach")
    assert done.returncode == 0, done.stderr
    return done
