"""The JSON files beside the shards: what a set is computed from, and why another one is refused."""

import hashlib
import json
from typing import Any

from advgen_ray.errors import UserError, first_line
from advgen_ray.storage.filesystem import read_bytes, write_atomic

VERSIONED = ("advgen_ray", "torch", "ray", "numpy", "pyarrow")
SHOWN_DIFFERENCES = 4


def identity_of(kind: str, config: dict[str, Any], inputs: dict[str, Any]) -> str:
    """Sixteen hex digits of what a set is computed from: equal identities mean the same rows."""
    return hashlib.sha256(json.dumps([kind, config, inputs], sort_keys=True).encode()).hexdigest()[:16]


def config_digest(config: dict[str, Any]) -> str:
    """What the rows of a set with this config in its plan carry: ``Config.digest`` of the config that made it."""
    return hashlib.sha256(json.dumps(config, sort_keys=True).encode()).hexdigest()[:16]


def refuse_another(uri: str, there: dict[str, Any], asked: dict[str, Any]) -> None:
    """Raise UserError, naming both identities and what differs, unless both plans make the same set."""
    if there["identity"] == asked["identity"]:
        return
    raise UserError(
        f"{uri}: holds a result set of identity {there['identity']}, this command makes {asked['identity']} "
        f"({differences(there, asked)}); choose another --set output=... or remove the directory"
    )


def differences(there: dict[str, Any], here: dict[str, Any]) -> str:
    """The first things in which two plans differ, in words."""
    found = [d for part in ("kind", "config", "inputs") for d in _differences(there[part], here[part])]
    return "; ".join(found[:SHOWN_DIFFERENCES])


def write_description(uri: str, value: dict[str, Any]) -> None:
    """Store a plan or a manifest, atomically; raises OSError."""
    write_atomic(uri, (json.dumps(value, indent=1) + "\n").encode())


def read_description(uri: str) -> dict[str, Any]:
    """A plan or a manifest; raises UserError where it is not readable."""
    try:
        value = json.loads(read_bytes(uri))
    except UserError:  # a server that does not answer: there is nothing wrong with the file
        raise
    except (OSError, ValueError) as error:
        raise UserError(f"{uri}: unreadable ({first_line(error)}); remove it and rerun the command") from None
    if not isinstance(value, dict) or "identity" not in value:
        raise UserError(f"{uri}: not the description of a result set; remove it and rerun the command")
    return value


def _differences(there: Any, asked: Any, key: str = "") -> list[str]:
    if isinstance(there, dict) and isinstance(asked, dict):
        keys = [*there, *(name for name in asked if name not in there)]
        return [
            difference
            for name in keys
            for difference in _differences(there.get(name), asked.get(name), f"{key}.{name}" if key else name)
        ]
    return [] if there == asked else [f"{key or 'kind'} is {there!r} there, {asked!r} here"]
