"""Ray Train's own files between two lives of a run: what is whole, what is orphaned, what is done with."""

import json
from pathlib import Path
from uuid import uuid4

from pyarrow import fs

from advgen_ray.errors import UserError
from advgen_ray.storage.filesystem import join, list_names, read_bytes, remove_file, resolve, write_atomic
from advgen_ray.training.checkpoint import STATE, TENSORS, is_complete

OWNER = "training.json"  # the file in a checkpoint that says which training it belongs to
SNAPSHOT = "checkpoint_manager_snapshot.json"
CHECKPOINT_PREFIX = "checkpoint_"
MISTAKE = "mistake.txt"  # what the user did wrong, by the worker that found it


def checkpoint_name(task: int, step: int) -> str:
    """A folder for a checkpoint of a run's ``task`` (from 0): sorted by name, the one that got further comes later.

    A clock, by which Ray Train names them, may be set back, and differs between nodes. No two lives share a folder.
    """
    return f"{CHECKPOINT_PREFIX}task{task:04d}_step{step:09d}_{uuid4().hex[:8]}"


def prepare(storage: str, name: str) -> str:
    """Make a former life of the run safe to continue, and remove the checkpoints that it lost track of.

    A killed driver may leave Ray Train's snapshot behind the newest checkpoint, or half-written, which Ray Train
    refuses for good: then the snapshot is removed. A mistake found then may have been mended. Returns the address of
    the run, for ``newest``.
    """
    run = join(storage, name)
    remove_file(join(run, MISTAKE))
    filesystem, path = resolve(run)
    checkpoints, listed = _checkpoints(filesystem, path), _listed(run)
    last = newest(run)
    whole = last.rpartition("/")[2] if last else None
    if listed and whole == listed[-1] and set(listed) <= set(checkpoints):
        keep = listed
    else:
        keep = [whole] if whole else []
        if SNAPSHOT in list_names(run):
            filesystem.delete_file(f"{path}/{SNAPSHOT}")
    for checkpoint in set(checkpoints) - set(keep):
        filesystem.delete_dir(f"{path}/{checkpoint}")
    return run


def newest(run: str) -> str | None:
    """Where the newest whole checkpoint of a run is; None where there is none.

    Ray Train hears of checkpoints by asking its workers now and then, and of those that it has not heard of when one of
    them dies it never does: small models make dozens of steps in between.
    """
    checkpoints = _checkpoints(*resolve(run))
    return next((join(run, checkpoint) for checkpoint in reversed(checkpoints) if _whole(run, checkpoint)), None)


def write_mistake(run: str, mistake: str) -> None:
    """Leave a user's mistake for the next start of the group; where that is not possible it is found again there."""
    try:
        write_atomic(join(run, MISTAKE), mistake.encode())
    except (OSError, UserError):
        return


def mistake_of(run: str) -> str | None:
    """The mistake that a worker of this run found since ``prepare``; None where none did."""
    return read_bytes(join(run, MISTAKE)).decode() if MISTAKE in list_names(run) else None


def remove(storage: str, name: str) -> None:
    """Remove a finished run's files if they are there, and the folder with them if no other run lies in it."""
    filesystem, path = resolve(storage)
    if filesystem.get_file_info(f"{path}/{name}").type != fs.FileType.Directory:
        return
    filesystem.delete_dir(f"{path}/{name}")
    if not filesystem.get_file_info(fs.FileSelector(path, allow_not_found=True)):
        filesystem.delete_dir(path)


def _checkpoints(filesystem: fs.FileSystem, path: str) -> list[str]:
    entries = filesystem.get_file_info(fs.FileSelector(path, allow_not_found=True))
    folders = (entry.base_name for entry in entries if entry.type == fs.FileType.Directory)
    return sorted(name for name in folders if name.startswith(CHECKPOINT_PREFIX))


def _whole(run: str, checkpoint: str) -> bool:
    """Whether a checkpoint arrived completely: Ray Train copies its files in any order, each of them in place."""
    uri = join(run, checkpoint)
    if not {STATE, TENSORS, OWNER} <= set(list_names(uri)) or not _owned(uri):
        return False
    filesystem, path = resolve(uri)
    return not isinstance(filesystem, fs.LocalFileSystem) or is_complete(Path(path))  # S3 shows no partial file


def _owned(checkpoint: str) -> bool:
    """Whether a checkpoint says whose it is."""
    try:
        return "config_digest" in json.loads(read_bytes(join(checkpoint, OWNER)))
    except (FileNotFoundError, ValueError, TypeError):
        return False


def _listed(run: str) -> list[str]:
    """The checkpoints that Ray Train's snapshot lists; none where it is missing or half-written, which is not away."""
    try:
        content = read_bytes(join(run, SNAPSHOT))
    except FileNotFoundError:
        return []
    try:
        return [result["checkpoint_dir_name"] for result in json.loads(content)["checkpoint_results"]]
    except (ValueError, KeyError, TypeError):
        return []
