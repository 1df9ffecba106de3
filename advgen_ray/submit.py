"""What `advgen submit` sends to a cluster: a job of jobs/, checked here before anything is uploaded."""

import difflib
import ipaddress
import os
import re
import shlex
import urllib.parse
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from advgen_ray import recipes
from advgen_ray.config import resolve
from advgen_ray.config.programs import JOBS
from advgen_ray.errors import UserError
from advgen_ray.tracking.provenance import git_commit
from advgen_ray.tracking.server import redacted

# Gitignore patterns from the working directory's top: data/ must not travel, advgen_ray/data must.
EXCLUDES = ["/data/", "/runs/", "/.venv/", "/.git/", "/build/", "/dist/", "__pycache__/", "*.egg-info/", ".*_cache/"]
FORWARDED = ("MLFLOW_TRACKING_URI", "MLFLOW_EXPERIMENT_NAME")
# Ray's agents log a job's environment, and its dashboard shows it.
SECRET_NAME = re.compile(r"(?i)(PASSWORD|TOKEN(?!IZER)|SECRET|ACCESS_KEY)(?!.*_(FILE|PATH)$)")
SECRET_VALUE = re.compile(r"://[^/\s]*@")  # an address with a password in it


@dataclass(frozen=True)
class Submission:
    """A job as the server takes it: the shell command, its environment and the labels it carries."""

    entrypoint: str
    runtime_env: dict[str, Any]
    metadata: dict[str, str]


def prepare(
    job: str,
    address: str,
    *,
    recipe: str | None = None,
    config_file: str | None = None,
    assignments: Sequence[str] = (),
    working_dir: str = ".",
    variables: Sequence[str] = (),
) -> Submission:
    """Check a request as the job itself would and put it into the server's terms; raises UserError."""
    if job not in JOBS:
        near = difflib.get_close_matches(job, list(JOBS), n=1, cutoff=0.3)
        hint = f"did you mean {near[0]!r}?" if near else f"expected one of {', '.join(JOBS)}"
        raise UserError(f"no job {job!r}; {hint}")
    root = Path(working_dir).absolute()
    if not (root / "jobs" / f"{job}.py").is_file():
        raise UserError(f"--working-dir {working_dir}: no jobs/{job}.py there; give a checkout of advgen_ray")
    config = resolve(recipes.find(recipe, JOBS[job]), config_file, list(assignments))
    words = ["python", f"jobs/{job}.py"]
    words += ["--recipe", recipe] if recipe else []
    words += ["--config", _path_in(root, config_file)] if config_file else []
    for assignment in assignments:
        words += ["--set", assignment]
    place = _place(root, address, str(getattr(config, "output", None) or getattr(config, "result_set", "/")))
    return Submission(
        entrypoint=place + shlex.join(words),
        runtime_env={"working_dir": str(root), "excludes": EXCLUDES, "env_vars": _environment(root, variables)},
        metadata={"job": job, "recipe": recipe or "default", "config_digest": config.digest()},
    )


def _path_in(root: Path, file: str) -> str:
    """A config file as the job sees it: only what lies in the working directory travels."""
    path = Path(file).absolute()
    if not path.is_relative_to(root):
        raise UserError(f"--config {file}: lies outside the working directory {root}, which is all that is uploaded")
    return str(path.relative_to(root))


def _place(root: Path, address: str, output: str) -> str:
    """A shell prefix that gives a relative output a lasting place.

    A job starts in an unpacked copy of the working directory, which Ray deletes some time after the job. On this
    machine it goes to the directory itself; on another nothing is right but an address that all nodes reach.
    """
    if output.startswith("/") or "://" in output:
        return ""
    if _is_this_machine(urllib.parse.urlsplit(address).hostname or ""):
        return f"cd {shlex.quote(str(root))} && "
    raise UserError(
        f"{output!r} would lie in a copy that the cluster deletes after the job; "
        "give --set output=s3://BUCKET/NAME, or an absolute path on storage that every node shares"
    )


def _is_this_machine(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _environment(root: Path, variables: Sequence[str]) -> dict[str, str]:
    """Where to track, which commit this is, and what the user adds; an address with a password stays here."""
    environment = {
        name: os.environ[name]
        for name in FORWARDED
        if os.environ.get(name) and redacted(os.environ[name]) == os.environ[name]
    }
    commit = git_commit(root)
    if commit:
        environment["ADVGEN_GIT_COMMIT"] = commit
    for variable in variables:
        name, equals, value = variable.partition("=")
        if not equals or not name.isidentifier():
            raise UserError(f"--env {variable.partition('=')[0]}: expected NAME=VALUE")
        if SECRET_NAME.search(name) or SECRET_VALUE.search(value):
            raise UserError(
                f"--env {name}: looks secret, and Ray shows what it is given so; put it into the environment of the "
                "nodes: KubeRay's secret advgen-environment, the file ~/advgen/environment of ray up, or export it "
                "before cluster/local.sh"
            )
        environment[name] = value
    return environment
