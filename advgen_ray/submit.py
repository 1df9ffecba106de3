"""What `advgen submit` sends to a cluster: a job of jobs/, checked here before anything is uploaded."""

import difflib
import ipaddress
import os
import re
import shlex
import sys
import urllib.parse
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from advgen_ray import recipes
from advgen_ray.config import resolve
from advgen_ray.config.programs import JOBS
from advgen_ray.credentials import holds_credentials
from advgen_ray.errors import UserError
from advgen_ray.tracking.provenance import git_commit

# Gitignore patterns from the working directory's top: data/ must not travel, advgen_ray/data must.
EXCLUDES = ["/data/", "/runs/", "/.venv/", "/.git/", "/build/", "/dist/", "__pycache__/", "*.egg-info/", ".*_cache/"]
# Another on every machine; containers on one machine share it, but not its paths.
BOOT_ID = "/proc/sys/kernel/random/boot_id"
FORWARDED = ("MLFLOW_TRACKING_URI", "MLFLOW_EXPERIMENT_NAME")
# Ray's agents log a job's environment, and its dashboard shows it.
SECRET_NAME = re.compile(
    r"(?i)(PASSW(OR)?D|PASSPHRASE|(_|PG|^)PASS$|TOKEN(?!IZER)|SECRET|CREDENTIAL|(ACCESS|ACCOUNT|PRIVATE|API)_?KEY"
    r"|CONNECTION_STRING|_(PW|PWD|SAS)$|(?<!PUBLIC)_KEY$|AUTH(ORIZATION)?$)(?!.*_(FILE|PATH)$)"
)
_NODES = (
    "put it into the environment of the nodes: KubeRay's secret advgen-environment, the file ~/advgen/environment of "
    "ray up, or export it before cluster/local.sh"
)
NO_SECRETS = {"GOOGLE_APPLICATION_CREDENTIALS", "MLFLOW_TRACKING_AUTH"}  # named like one: a path, a plugin's name


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
    output = str(getattr(config, "output", None) or getattr(config, "result_set", "/"))
    place = _place(root, address, output)
    environment = _environment(root / "jobs" / f"{job}.py", variables)
    if not place:
        _keep_records(environment, output)
    return Submission(
        entrypoint=place + shlex.join(words),
        runtime_env={"working_dir": str(root), "excludes": EXCLUDES, "env_vars": environment},
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
    machine it goes to the directory itself; on another nothing is right but an address that all nodes reach. A loopback
    address may be a tunnel to another, so the job looks for itself where it is, and ends with 2 if that is elsewhere.
    """
    if output.startswith("/") or "://" in output:
        return ""
    if _is_this_machine(urllib.parse.urlsplit(address).hostname or ""):
        boot_id = Path(BOOT_ID).read_text().strip() if Path(BOOT_ID).exists() else ""
        here = f'[ "$(cat {BOOT_ID} 2>/dev/null)" = "{boot_id}" ] && cd {shlex.quote(str(root))} 2>/dev/null'
        return f"{{ {here}; }} || {{ echo {shlex.quote(f'error: {_elsewhere(output)}')} >&2; exit 2; }}; "
    raise UserError(_elsewhere(output))


def _elsewhere(output: str) -> str:
    return (
        f"{output!r} would lie on another machine, in a copy that the cluster deletes after the job; "
        "give --set output=s3://BUCKET/NAME, or an absolute path on storage that every node shares"
    )


def _is_this_machine(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _keep_records(environment: dict[str, str], output: str) -> None:
    """Put what no tracking server takes beside an output that lasts: in the job's copy it would be deleted with it."""
    folder = str(Path(output).parent)
    if "://" not in output and folder != "/":
        environment.setdefault("ADVGEN_RECORDS", folder)
    elif not {"MLFLOW_TRACKING_URI", "ADVGEN_RECORDS"} & environment.keys():
        _warn(
            "unless MLFLOW_TRACKING_URI is in the nodes' environment, MLflow's record is deleted with the job's copy; "
            "give --env MLFLOW_TRACKING_URI=http://HOST:PORT"
        )


def _environment(job: Path, variables: Sequence[str]) -> dict[str, str]:
    """Where to track, which commit this is, and what the user adds; an address with a password stays here."""
    environment = {name: os.environ[name] for name in FORWARDED if os.environ.get(name)}
    for name, value in list(environment.items()):
        if _holds_secret(value):
            _warn(f"{name} stays here: Ray shows what it is given, and a password or a query is in it; {_NODES}")
            del environment[name]
    commit = git_commit(job)
    if commit:
        environment["ADVGEN_GIT_COMMIT"] = commit
    for variable in variables:
        name, equals, value = variable.partition("=")
        if not equals or not name.isidentifier():
            raise UserError(f"--env {variable.partition('=')[0]}: expected NAME=VALUE")
        if (SECRET_NAME.search(name) and name not in NO_SECRETS) or _holds_secret(value):
            raise UserError(f"--env {name}: looks secret, and Ray shows what it is given; {_NODES}")
        environment[name] = value
    return environment


def _holds_secret(value: str) -> bool:
    """Whether a value is an address with a user name, a password or a query, where tokens stand."""
    return holds_credentials(value) or ("://" in value and "?" in value)


def _warn(text: str) -> None:
    print(f"advgen: warning: {text}", file=sys.stderr)
