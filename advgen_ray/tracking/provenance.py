"""Which code made a run: versions and commit, and nothing about the machine it ran on."""

import os
import subprocess
from collections.abc import Sequence
from functools import cache
from pathlib import Path

from advgen_ray.versions import installed

PACKAGES = ("advgen_ray", "torch", "ray", "mlflow")


@cache
def provenance() -> dict[str, str]:
    """Tags ``version.<package>`` and, where the code lies in a git checkout, ``git_commit``."""
    tags = {f"version.{package}": version for package, version in installed(PACKAGES).items()}
    commit = os.environ.get("ADVGEN_GIT_COMMIT") or git_commit(Path(__file__))
    return tags | ({"git_commit": commit} if commit else {})


def git_commit(file: Path) -> str | None:
    """The commit that a file's checkout is at, with ``-dirty`` where files differ from it; None if it is in none.

    A package in a ``.venv`` lies in the checkout of whoever uses it, and is not of it.
    """
    git = ["git", "-C", str(file.parent)]
    if _said([*git, "ls-files", "--error-unmatch", file.name]) is None:
        return None
    return _said([*git, "describe", "--always", "--dirty", "--abbrev=40", "--exclude=*"])


def _said(command: Sequence[str]) -> str | None:
    try:
        result = subprocess.run(command, capture_output=True, text=True, timeout=5, check=False)
    except (OSError, subprocess.TimeoutExpired):  # no git here
        return None
    return (result.stdout.strip() or None) if result.returncode == 0 else None
