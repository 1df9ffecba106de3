"""Ray Tune's own files between two lives of a search: no kill tears one, and the newest that is whole counts."""

import json

import fsspec
import pyarrow as pa
from pyarrow import fs

from advgen_ray.errors import UserError
from advgen_ray.storage.filesystem import (
    join,
    list_names,
    read_bytes,
    remove_dead_partials,
    remove_file,
    resolve,
    write_atomic,
)

STATE_PREFIX = "experiment_state-"  # each life of a search has one, named after the time of its start


class WholeFiles(fs.FSSpecHandler):
    """The local filesystem, on which a file appears when it is closed: Tune copies its state every few seconds."""

    def __init__(self) -> None:
        super().__init__(fsspec.filesystem("file"))

    def open_output_stream(self, path: str, metadata: object) -> pa.PythonFile:
        """What is written there is kept in memory until it is closed."""
        return pa.PythonFile(_Pending(path), mode="w")


class _Pending:
    """No file of Python's ``io``, which its end would close, and so show half of it."""

    def __init__(self, path: str) -> None:
        self.path, self.content, self.closed = path, bytearray(), False

    def write(self, data: bytes) -> int:
        self.content += data
        return len(data)

    def flush(self) -> None:
        """Nothing of it is seen before the end."""

    def close(self) -> None:
        if not self.closed:
            self.closed = True
            write_atomic(self.path, bytes(self.content))


def storage_of(root: str) -> tuple[fs.FileSystem, str]:
    """The filesystem on which Tune keeps a search under ``root``, and the path there."""
    filesystem, path = resolve(root)
    return fs.PyFileSystem(WholeFiles()) if isinstance(filesystem, fs.LocalFileSystem) else filesystem, path


def prepare(run: str) -> None:
    """Remove the newest states of the search at ``run`` that are torn, so that Tune restores the newest whole one.

    Given a torn state Tune would begin again, under other names, and train once more what is finished. Raises UserError
    where there is no whole state.
    """
    remove_dead_partials(run)
    states = sorted((name for name in list_names(run) if name.startswith(STATE_PREFIX)), reverse=True)
    whole = next((place for place, name in enumerate(states) if _parses(join(run, name))), None)
    if states and whole is None:
        raise UserError(
            f"{join(run, states[0])}: damaged, and with it what is known of the search's trials; remove {run} to begin "
            "the search again, its trainings too"
        )
    for name in states[:whole]:
        remove_file(join(run, name))


def _parses(uri: str) -> bool:
    try:
        json.loads(read_bytes(uri))
    except ValueError:
        return False
    return True
