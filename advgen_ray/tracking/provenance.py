"""Which code made a run: versions and commit, and nothing about the machine it ran on."""

import os
import subprocess
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

PACKAGES = ("advgen_ray", "torch", "ray", "mlflow")


@cache
def provenance() -> dict[str, str]:
    """Tags ``version.<package>`` and, where the code lies in a git checkout, ``git_commit``."""
    tags = {}
    for package in PACKAGES:
        try:
            tags[f"version.{package}"] = version(package)
        except PackageNotFoundError:
            tags[f"version.{package}"] = "not installed"
    commit = os.environ.get("ADVGEN_GIT_COMMIT") or git_commit(Path(__file__).parent)
    return tags | ({"git_commit": commit} if commit else {})


def git_commit(directory: Path) -> str | None:
    """The commit checked out, with ``-dirty`` where files differ from it; None outside a checkout."""
    command = ["git", "-C", str(directory), "describe", "--always", "--dirty", "--abbrev=40", "--exclude=*"]
    try:
        result = subprocess.run(command, capture_output=True, text=True, timeout=5, check=False)
    except (OSError, subprocess.TimeoutExpired):  # no git here
        return None
    return result.stdout.strip() or None
