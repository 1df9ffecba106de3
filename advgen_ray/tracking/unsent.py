"""What a tracking server has not taken, kept on disk until it does: a file a job, sent by the next one."""

import json
import os
import shutil
import socket
import sys
import time
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from advgen_ray.tracking.provenance import provenance
from advgen_ray.tracking.sender import Entry

WAITING, CLAIMED, DAMAGED, REFUSED = ".json", ".sending", ".damaged", ".refused"
TRIES = 5  # by as many jobs at what a server refuses; else each would try what all before it have left
FOREIGN_CLAIM_SECONDS = 3600.0  # another machine's sender is taken for dead after this time


@dataclass
class Unsent:
    """The entries that one job could not send, and MLflow's ids of the runs it had opened; ``sent`` ends them.

    ``refused`` says that the server was there, and would not take some of them.
    """

    entries: list[Entry]
    ids: dict[str, str]
    sent: bool = False
    refused: bool = False


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
    with partial.open("w") as file:
        json.dump({"server": server, "ids": dict(ids), "entries": kept}, file)
        file.flush()
        os.fsync(file.fileno())  # else a machine that loses its power may keep the name without the content
    partial.replace(path)
    return path


@contextmanager
def claimed(folder: Path, server: str) -> Iterator[list[Unsent]]:
    """What waits for ``server``, in nobody else's hands; at the end what is ``sent`` is removed.

    A file that cannot be understood, or that ``TRIES`` jobs had refused, is renamed, so that it is in nobody's way and
    can be looked at. Until then its name counts them: ``NAME-3.json``.
    """
    held: dict[Path, Unsent] = {}
    try:
        for path in list(_free(folder)):
            mine = path.with_name(f"{_name(path)}.{os.getpid()}.{socket.gethostname()}{CLAIMED}")
            try:
                path.rename(mine)
                os.utime(mine)  # from now on it is claimed
                content = json.loads(mine.read_text())
                its_server, one = content["server"], Unsent(content["entries"], content["ids"])
            except FileNotFoundError:  # another job was quicker
                continue
            except (ValueError, KeyError, TypeError):
                print(f"advgen: warning: tracking: {_ended(mine, DAMAGED)} cannot be read, nor sent", file=sys.stderr)
                continue
            if its_server == server:
                held[mine] = one
            else:
                _ended(mine, WAITING)
        yield list(held.values())
    finally:
        for path, one in held.items():
            if one.sent:
                path.unlink(missing_ok=True)
                shutil.rmtree(path.parent / _name(path).partition("-")[0], ignore_errors=True)
            elif one.refused:
                _refused(path)
            else:
                _ended(path, WAITING)


def _refused(claim: Path) -> None:
    name, _, tries = _name(claim).partition("-")
    if int(tries or 0) + 1 < TRIES:
        _ended(claim, f"-{int(tries or 0) + 1}{WAITING}", name)
        return
    kept = _ended(claim, REFUSED, name)
    print(
        f"advgen: warning: tracking: {kept} was refused by the server {TRIES} times and is not sent again; "
        f"rename it to {name}{WAITING} once that is mended",
        file=sys.stderr,
    )


def _ended(claim: Path, ending: str, name: str = "") -> Path:
    """Give up a claim; what it becomes. Whoever took it for dead may have it by now."""
    path = claim.with_name(f"{name or _name(claim)}{ending}")
    with suppress(FileNotFoundError):
        claim.rename(path)
    return path


def _name(path: Path) -> str:
    return path.name.split(".")[0]


def _free(folder: Path) -> Iterator[Path]:
    """Files that wait, and those whose sender is dead."""
    yield from folder.glob(f"*{WAITING}")
    for path in folder.glob(f"*{CLAIMED}"):
        with suppress(FileNotFoundError):
            if not _sender_lives(path):
                yield path


def _sender_lives(claim: Path) -> bool:
    _, process, *host = claim.name.removesuffix(CLAIMED).split(".", 2)
    if host and host != [socket.gethostname()]:
        return time.time() - claim.stat().st_mtime < FOREIGN_CLAIM_SECONDS
    try:
        os.kill(int(process), 0)
    except ProcessLookupError:
        return False
    except PermissionError:  # another user's process has this id
        return True
    return True
