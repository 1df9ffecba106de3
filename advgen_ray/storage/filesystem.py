"""One filesystem for local paths and ``s3://``; with ``s3.py`` the only place that touches S3."""

import atexit
import itertools
import os
import shutil
import socket
import tempfile
import time
from collections.abc import Callable, Sequence
from functools import lru_cache, wraps
from pathlib import Path
from typing import Concatenate, ParamSpec, TypeVar

from pyarrow import fs

from advgen_ray.errors import UserError
from advgen_ray.storage import s3

PARTIAL = ".partial"  # the ending of a local file that is still being written
FOREIGN_PARTIAL_SECONDS = 3600.0  # a partial file of another machine is taken for dead after this time

_counter = itertools.count()
P = ParamSpec("P")
R = TypeVar("R")


def _told(function: Callable[Concatenate[str, P], R]) -> Callable[Concatenate[str, P], R]:
    """What S3 refuses or does not answer becomes one clear line; a missing file stays a FileNotFoundError."""

    @wraps(function)
    def told(uri: str, *args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return function(uri, *args, **kwargs)
        except FileNotFoundError:
            raise
        except OSError as error:
            if uri.startswith("s3://"):
                raise s3.explained(uri, error) from None
            raise

    return told


def resolve(uri: str) -> tuple[fs.FileSystem, str]:
    """The filesystem and the path on it of a local path, a ``file://`` or an ``s3://bucket/key`` address.

    S3 takes endpoint, region and credentials from the usual AWS environment (``AWS_ENDPOINT_URL``,
    ``AWS_REGION``, ``AWS_ACCESS_KEY_ID``, ...). Raises UserError for any other scheme.
    """
    scheme, separator, rest = uri.partition("://")
    if not separator or scheme == "file":
        return _local(), os.path.abspath(rest if separator else uri)
    if scheme != "s3":
        raise UserError(f"{uri}: unknown scheme {scheme!r}; expected a path or s3://bucket/key")
    path = rest.strip("/")
    if not path:
        raise UserError(f"{uri}: no bucket named; expected s3://bucket/key")
    return s3.connect(), path


def common_parent(outputs: Sequence[str]) -> str:
    """The deepest folder that holds all of them; one output is its own."""
    split = [output.rstrip("/").split("/") for output in outputs]
    shared = []
    for parts in zip(*split, strict=False):
        if len(set(parts)) > 1:
            break
        shared.append(parts[0])
    return "/".join(shared) or "."


def join(uri: str, *names: str) -> str:
    """The address of something under ``uri``."""
    return "/".join((uri.rstrip("/"), *names))


@_told
def write_atomic(uri: str, data: bytes, *, durable: bool = True) -> None:
    """Write a whole file so that a reader sees all of ``data`` or what was there before, whenever we are killed.

    Locally a hidden file in the same directory, flushed to disk and renamed; on S3 one upload, which becomes
    visible when it is complete. Missing directories are made. What is not ``durable`` is not flushed: a machine that
    loses power may leave it empty. Raises OSError.
    """
    filesystem, path = resolve(uri)
    if isinstance(filesystem, fs.LocalFileSystem):
        _write_local(Path(path), data, durable)
    else:
        s3.put(path, data)


@_told
def read_bytes(uri: str) -> bytes:
    """The whole file; raises FileNotFoundError or another OSError."""
    filesystem, path = resolve(uri)
    with filesystem.open_input_file(path) as file:  # of known size: one request, where a stream asks for each 256 KiB
        return bytes(file.read())


@_told
def exists(uri: str) -> bool:
    """Whether a file or a directory lies there."""
    filesystem, path = resolve(uri)
    return bool(filesystem.get_file_info(path).type != fs.FileType.NotFound)


@_told
def list_names(uri: str) -> list[str]:
    """Names of the files directly in a directory, sorted, without hidden ones; empty if it does not exist."""
    filesystem, path = resolve(uri)
    entries = filesystem.get_file_info(fs.FileSelector(path, allow_not_found=True))
    names = [entry.base_name for entry in entries if entry.type == fs.FileType.File]
    return sorted(name for name in names if not name.startswith("."))


@_told
def ensure_writable(uri: str) -> None:
    """Write and remove a probe in the directory ``uri``; raises UserError, before any work is spent."""
    filesystem, path = resolve(uri)
    probe = f"{path}/.probe-{_writer()}"
    try:
        if isinstance(filesystem, fs.LocalFileSystem):
            Path(path).mkdir(parents=True, exist_ok=True)
            Path(probe).write_bytes(b"advgen")
        else:  # S3 has no directories, only names with slashes
            s3.put(probe, b"advgen")
        filesystem.delete_file(probe)
    except OSError as error:
        if not isinstance(filesystem, fs.LocalFileSystem):
            raise s3.explained(f"output {uri}", error) from None
        reason = error.strerror or str(error).splitlines()[0]
        raise UserError(
            f"output {uri}: cannot be written ({reason}); choose another place with --set output=..."
        ) from None


@_told
def remove_tree(uri: str) -> None:
    """Remove a directory with all that is in it; nothing happens where there is none."""
    filesystem, path = resolve(uri)
    if filesystem.get_file_info(path).type == fs.FileType.Directory:
        filesystem.delete_dir(path)


@_told
def remove_file(uri: str) -> None:
    """Remove a file; nothing happens where there is none."""
    filesystem, path = resolve(uri)
    if filesystem.get_file_info(path).type == fs.FileType.File:
        filesystem.delete_file(path)


@_told
def local_copy(uri: str) -> Path:
    """A local directory with the files of ``uri``, or the file it is: itself, or a download as long as we live."""
    filesystem, path = resolve(uri)
    if isinstance(filesystem, fs.LocalFileSystem):
        return Path(path)
    if not exists(uri):
        raise UserError(f"{uri}: not found; check the address and AWS_ENDPOINT_URL")
    directory = tempfile.mkdtemp(prefix="advgen-copy-")
    atexit.register(shutil.rmtree, directory, ignore_errors=True)
    if filesystem.get_file_info(path).type == fs.FileType.File:
        copy = Path(directory) / path.rsplit("/", 1)[-1]
        copy.write_bytes(read_bytes(uri))
        return copy
    fs.copy_files(path, directory, source_filesystem=filesystem, destination_filesystem=_local())
    return Path(directory)


def remove_dead_partials(uri: str) -> int:
    """Remove what killed writers left half-written in a directory; returns how many files.

    A live writer on this machine keeps its file. S3 needs none of this: an unfinished upload is not visible.
    """
    filesystem, path = resolve(uri)
    if not isinstance(filesystem, fs.LocalFileSystem):
        return 0
    dead = [partial for partial in Path(path).glob(f".*{PARTIAL}") if not _writer_lives(partial)]
    for partial in dead:
        partial.unlink(missing_ok=True)
    return len(dead)


def _write_local(path: Path, data: bytes, durable: bool) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}~{_writer()}{PARTIAL}")
    try:
        with partial.open("xb") as file:
            file.write(data)
            if durable:
                file.flush()
                os.fsync(file.fileno())
        partial.replace(path)
    except BaseException:
        partial.unlink(missing_ok=True)
        raise
    if not durable:
        return
    directory = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(directory)  # else the new name itself may be lost with the power
    finally:
        os.close(directory)


def _writer() -> str:
    """This process and write, such that another process can tell whether the writer still lives."""
    return f"{socket.gethostname()}~{os.getpid()}~{next(_counter)}"


def _writer_lives(partial: Path) -> bool:
    try:
        _, host, pid, _ = partial.name.removesuffix(PARTIAL).rsplit("~", 3)
        if host != socket.gethostname():
            return time.time() - partial.stat().st_mtime < FOREIGN_PARTIAL_SECONDS
        os.kill(int(pid), 0)
    except (ValueError, ProcessLookupError, FileNotFoundError):
        return False
    except PermissionError:  # another user's process has this id
        return True
    return True


@lru_cache(maxsize=1)
def _local() -> fs.LocalFileSystem:
    return fs.LocalFileSystem()
