"""What the files of cluster/ must agree with: versions, what is in the repository, what may never be in it."""

import re
import tomllib
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parent.parent.parent
CLUSTER = ROOT / "cluster"
PROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
VERSION: str = PROJECT["version"]
WHEEL = f"advgen_ray-{VERSION}-py3-none-any.whl"
RAY = next(text.split("==")[1] for text in PROJECT["dependencies"] if text.startswith("ray["))
IMAGE = f"advgen-ray:{VERSION}-ray{RAY}"

# Keys of clouds and forges, private keys, long random strings, and a value where a name says that it is secret.
_SECRETS = (
    r"\b(?:AKIA|ASIA)[0-9A-Z]{16}\b",
    r"-----BEGIN [A-Z ]*PRIVATE KEY",
    r"\b(?:ghp|gho|glpat|hf|xox[bp])[-_][A-Za-z0-9]{16,}",
    r"\bAIza[0-9A-Za-z_-]{30,}",
    r"\b[0-9a-f]{32,}\b",
    r"(?<![\w/.+-])(?=[A-Za-z0-9+]*\d)(?=[A-Za-z0-9+]*[a-z])(?=[A-Za-z0-9+]*[A-Z])[A-Za-z0-9+]{32,}={0,2}",
    r"(?i)(?:password|passwd|secret[_-]?(?:access[_-]?)?key|auth_token|api[_-]?key)\s*[=:]\s*['\"]?(?![$-])[^\s'\"~/]{6,}",
    r"://[^/\s:@]+:[^/\s:@]+@",
)


def secrets(text: str) -> list[str]:
    """What in a text looks like a secret, cut short so that it is not repeated."""
    return [f"secret: {match.group()[:12]}..." for pattern in _SECRETS for match in re.finditer(pattern, text)]


def load(name: str) -> Any:
    """One YAML document of cluster/."""
    return yaml.safe_load((CLUSTER / name).read_text())


def pins() -> dict[str, str]:
    """cluster/constraints.txt: versions by name."""
    lines = (CLUSTER / "constraints.txt").read_text().splitlines()
    return dict(line.split("==") for line in lines if line and not line.startswith("#"))
