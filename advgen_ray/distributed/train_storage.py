"""Ray Train's own files between two lives of a run: what is whole, what is orphaned, what is done with."""

import json
from collections.abc import Sequence

from pyarrow import fs

from advgen_ray.storage.filesystem import join, list_names, read_bytes, resolve
from advgen_ray.training.checkpoint import STATE

SNAPSHOT = "checkpoint_manager_snapshot.json"
CHECKPOINT_PREFIX = "checkpoint_"


def common_parent(outputs: Sequence[str]) -> str:
    """The deepest folder that holds all of them; one output is its own."""
    split = [output.rstrip("/").split("/") for output in outputs]
    shared = []
    for parts in zip(*split, strict=False):
        if len(set(parts)) > 1:
            break
        shared.append(parts[0])
    return "/".join(shared) or "."


def prepare(storage: str, name: str) -> str | None:
    """Make a former life of the run safe to continue, and remove the checkpoints that it lost track of.

    Ray Train rewrites its snapshot in place: a driver killed at that moment leaves half of one, which Ray Train
    refuses for good. Such a snapshot is removed, and the newest whole checkpoint returned to start from.
    """
    run = join(storage, name)
    filesystem, path = resolve(run)
    checkpoints = _checkpoints(filesystem, path)
    known = _known(run)
    if known is None:
        if SNAPSHOT in list_names(run):
            filesystem.delete_file(f"{path}/{SNAPSHOT}")
        # Names carry the time of their making; the state file is the last that a checkpoint gets.
        whole = [name for name in checkpoints if STATE in list_names(join(run, name))]
        keep = whole[-1:]
    else:
        keep = [name for name in checkpoints if name in known]
    for checkpoint in set(checkpoints) - set(keep):
        filesystem.delete_dir(f"{path}/{checkpoint}")
    return f"{path}/{keep[-1]}" if known is None and keep else None


def remove(storage: str, name: str) -> None:
    """Remove a finished run's files, and the folder with them if no other run lies in it."""
    filesystem, path = resolve(storage)
    filesystem.delete_dir(f"{path}/{name}")
    if not filesystem.get_file_info(fs.FileSelector(path, allow_not_found=True)):
        filesystem.delete_dir(path)


def _checkpoints(filesystem: fs.FileSystem, path: str) -> list[str]:
    entries = filesystem.get_file_info(fs.FileSelector(path, allow_not_found=True))
    folders = (entry.base_name for entry in entries if entry.type == fs.FileType.Directory)
    return sorted(name for name in folders if name.startswith(CHECKPOINT_PREFIX))


def _known(run: str) -> set[str] | None:
    """The checkpoints that Ray Train's snapshot lists; None where it is missing or half written."""
    try:
        snapshot = json.loads(read_bytes(join(run, SNAPSHOT)))
        return {result["checkpoint_dir_name"] for result in snapshot["checkpoint_results"]}
    except (OSError, ValueError, KeyError, TypeError):
        return None
