"""What a tracking server has not taken, kept on disk until it does: a file a job, sent by the next one."""

import json
import os
import shutil
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from advgen_ray.tracking.provenance import provenance
from advgen_ray.tracking.sender import Entry

WAITING, CLAIMED = ".json", ".sending"


@dataclass
class Unsent:
    """The entries that one job could not send, and MLflow's ids of the runs it had opened; ``sent`` ends them."""

    entries: list[Entry]
    ids: dict[str, str]
    sent: bool = False


def store(folder: Path, server: str, entries: Sequence[Entry], ids: Mapping[str, str]) -> Path:
    """Keep entries for ``server``, with copies of the files they name, which may be temporary; returns the file."""
    folder.mkdir(parents=True, exist_ok=True)
    name = uuid.uuid4().hex[:12]
    kept = []
    for number, entry in enumerate(entries):
        if entry["do"] == "open":
            entry = entry | {"provenance": provenance()}  # of this process, not of the one that sends it
        if entry["do"] in ("artifact", "model"):
            source = Path(entry["path"])
            if not source.exists():
                continue
            copy = folder / name / str(number) / source.name
            copy.parent.mkdir(parents=True)
            shutil.copyfile(source, copy)
            entry = entry | {"path": str(copy)}
        kept.append(entry)
    path = folder / f"{name}{WAITING}"
    partial = path.with_suffix(".partial")
    partial.write_text(json.dumps({"server": server, "ids": dict(ids), "entries": kept}))
    partial.replace(path)
    return path


@contextmanager
def claimed(folder: Path, server: str) -> Iterator[list[Unsent]]:
    """What waits for ``server``, in nobody else's hands; at the end what is ``sent`` is removed."""
    held: dict[Path, Unsent] = {}
    try:
        for path in list(_free(folder)):
            mine = path.with_name(f"{_name(path)}.{os.getpid()}{CLAIMED}")
            try:
                path.rename(mine)
            except FileNotFoundError:  # another job was quicker
                continue
            content = json.loads(mine.read_text())
            if content["server"] == server:
                held[mine] = Unsent(content["entries"], content["ids"])
            else:
                mine.rename(folder / f"{_name(mine)}{WAITING}")
        yield list(held.values())
    finally:
        for path, one in held.items():
            if one.sent:
                path.unlink()
                shutil.rmtree(folder / _name(path), ignore_errors=True)
            else:
                path.rename(folder / f"{_name(path)}{WAITING}")


def _name(path: Path) -> str:
    return path.name.split(".")[0]


def _free(folder: Path) -> Iterator[Path]:
    """Files that wait, and those whose sender is dead."""
    yield from folder.glob(f"*{WAITING}")
    for path in folder.glob(f"*{CLAIMED}"):
        try:
            os.kill(int(path.name.split(".")[1]), 0)
        except ProcessLookupError:
            yield path
        except PermissionError:  # another user's process has this id
            continue
