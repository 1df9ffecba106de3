"""The commit of a run is that of our code, and of nobody else's around it."""

import subprocess
from pathlib import Path

from advgen_ray.tracking.provenance import git_commit


def _git(root: Path, *words: str) -> str:
    name = ["-c", "user.name=a", "-c", "user.email=a@b"]
    done = subprocess.run(["git", "-C", str(root), *name, *words], capture_output=True, text=True, check=True)
    return done.stdout.strip()


def test_a_package_in_another_projects_checkout_has_no_commit(tmp_path: Path) -> None:
    assert git_commit(tmp_path / "ours.py") is None
    installed = tmp_path / ".venv/lib/ours.py"
    installed.parent.mkdir(parents=True)
    for file in (installed, tmp_path / "theirs.py"):
        file.touch()
    _git(tmp_path, "init")
    _git(tmp_path, "add", "theirs.py")
    _git(tmp_path, "commit", "--message", "Theirs")
    assert git_commit(installed) is None
    assert git_commit(tmp_path / "theirs.py") == _git(tmp_path, "rev-parse", "HEAD")
    (tmp_path / "theirs.py").write_text("changed")
    assert git_commit(tmp_path / "theirs.py") == _git(tmp_path, "rev-parse", "HEAD") + "-dirty"
