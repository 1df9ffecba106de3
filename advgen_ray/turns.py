"""One job at a time at an output: a command given twice waits, and finds what the first has made."""

import fcntl
import hashlib
import json
import os
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

SUBMITTED = "RAY_JOB_CONFIG_JSON_ENV_VAR"  # what a job server tells of the job, in the environment of its driver


@contextmanager
def turn_at(place: str) -> Iterator[None]:
    """Inside, no other job of this user on this machine is at work at ``place``; waits, and says for whom, until then.

    Two at once would compute everything twice, and may remove each other's checkpoints. Drivers of submitted jobs are
    all on the head, so that a job sent again, as its terminal was lost, waits too. The lock falls with its process,
    however that ends; it lies in the machine's temporary folder, since a place may be a bucket. Where it cannot be had
    there, there are no turns.
    """
    with _file_of(place) as file:
        if file:
            _take(file, place)
        yield


@contextmanager
def _file_of(place: str) -> Iterator[TextIO | None]:
    """Always the same of a place; it is never removed, as another may already wait at it."""
    name = place.rstrip("/") if "://" in place else os.path.realpath(place)
    folder = Path(tempfile.gettempdir(), f"advgen-turns-{os.getuid()}")
    try:
        folder.mkdir(mode=0o700, exist_ok=True)
        if folder.lstat().st_uid != os.getuid():
            raise PermissionError(f"{folder} is another user's")  # who may have put a link to a file of ours there
        file = (folder / hashlib.sha256(name.encode()).hexdigest()[:32]).open("a+", encoding="utf-8")
    except OSError:
        yield None
        return
    with file:
        yield file


def _take(file: TextIO, place: str) -> None:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        file.seek(0)
        print(f"{place}: {file.read() or 'another job'} is at work there; waiting for its end", flush=True)
        fcntl.flock(file, fcntl.LOCK_EX)
    except OSError:
        return  # a file system without locks
    file.seek(0)
    file.truncate()
    file.write(_who())
    file.flush()


def _who() -> str:
    submitted = json.loads(os.environ.get(SUBMITTED, "{}")).get("metadata", {}).get("job_submission_id")
    return f"{f'job {submitted}' if submitted else f'process {os.getpid()}'}, begun {time.strftime('%F %H:%M:%S')},"
