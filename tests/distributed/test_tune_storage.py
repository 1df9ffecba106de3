"""Tune's files: whole or not there, and a torn state of a former life gives way to the whole one before."""

import pickle
from pathlib import Path

import pytest
from pyarrow import fs

from advgen_ray.distributed.tune_storage import STATE_PREFIX, prepare, storage_of
from advgen_ray.errors import UserError

WHOLE, TORN = '{"trial_data": []}', '{"trial_da'


def _states(run: Path, *contents: str) -> list[str]:
    """A state a life, the latest last; returns their names."""
    run.mkdir()
    names = [f"{STATE_PREFIX}2026-11-30_12-00-0{life}.json" for life in range(len(contents))]
    for name, content in zip(names, contents, strict=True):
        (run / name).write_text(content)
    return names


@pytest.mark.parametrize(
    ("contents", "kept"),
    [((WHOLE, WHOLE), 2), ((WHOLE, TORN), 1), ((WHOLE, "", TORN), 1), ((TORN, WHOLE), 2), ((), 0)],
)
def test_the_newest_whole_state_is_the_last(contents: tuple[str, ...], kept: int, tmp_path: Path) -> None:
    names = _states(tmp_path / "tune", *contents)
    (tmp_path / "tune" / "tuner.pkl").touch()
    prepare(str(tmp_path / "tune"))
    assert sorted(path.name for path in (tmp_path / "tune").iterdir()) == [*names[:kept], "tuner.pkl"]


def test_a_search_of_which_no_state_is_whole_is_not_begun_again_unasked(tmp_path: Path) -> None:
    names = _states(tmp_path / "tune", TORN, "")
    with pytest.raises(UserError, match=rf"{names[1]}: damaged, .*; remove {tmp_path}/tune to begin"):
        prepare(str(tmp_path / "tune"))
    assert len(list((tmp_path / "tune").iterdir())) == 2


def test_a_search_that_was_never_begun_has_nothing_to_prepare(tmp_path: Path) -> None:
    prepare(str(tmp_path / "tune"))
    assert not (tmp_path / "tune").exists()


def test_a_file_is_seen_when_it_is_whole(tmp_path: Path) -> None:
    """As Tune has it: copied by pyarrow, from a process to which the filesystem was sent."""
    filesystem, path = storage_of(str(tmp_path / "storage"))
    filesystem = pickle.loads(pickle.dumps(filesystem))
    stream = filesystem.open_output_stream(f"{path}/tune/state.json")
    stream.write(b"one")
    assert not (tmp_path / "storage").exists()
    stream.close()
    stream = filesystem.open_output_stream(f"{path}/tune/state.json")
    stream.write(b"an")
    del stream  # as a process that dies, or fails, in the middle
    assert (tmp_path / "storage" / "tune" / "state.json").read_bytes() == b"one"

    (tmp_path / "staging" / "trial").mkdir(parents=True)
    (tmp_path / "staging" / "state.json").write_bytes(b"another")
    (tmp_path / "staging" / "trial" / "result.json").write_bytes(b"")
    fs.copy_files(str(tmp_path / "staging"), f"{path}/tune", destination_filesystem=filesystem)
    assert (tmp_path / "storage" / "tune" / "state.json").read_bytes() == b"another"
    assert (tmp_path / "storage" / "tune" / "trial" / "result.json").read_bytes() == b""
