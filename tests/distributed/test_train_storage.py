"""What a killed run leaves behind: whole checkpoints are kept, orphans swept, a torn snapshot worked around."""

import json
from pathlib import Path

import pytest
import torch

from advgen_ray.distributed.train_storage import OWNER, SNAPSHOT, checkpoint_name, newest, prepare, remove
from advgen_ray.training.checkpoint import TENSORS, save_checkpoint
from advgen_ray.training.optim import adam


def _run(storage: Path, whole: list[str], partial: list[str], snapshot: str | None) -> Path:
    run = storage / "name"
    model = torch.nn.Linear(1, 1)
    for name in [*whole, *partial]:
        (run / name).mkdir(parents=True)
        save_checkpoint(run / name, model=model, optimizer=adam(model.parameters()), ema=None, state={"step": 1})
        (run / name / OWNER).write_text('{"config_digest": "0123"}')
    for name in partial:  # the state came first, the tensors half
        (run / name / TENSORS).write_bytes((run / name / TENSORS).read_bytes()[:-4])
    if snapshot is not None:
        (run / SNAPSHOT).write_text(snapshot)
    return run


def _listing(*names: str) -> str:
    return json.dumps({"checkpoint_results": [{"checkpoint_dir_name": name} for name in names]})


def _names(run: Path) -> set[str]:
    return {path.name for path in run.iterdir()}


def test_checkpoints_that_the_snapshot_does_not_list_are_swept(tmp_path: Path) -> None:
    run = _run(
        tmp_path,
        ["checkpoint_1", "checkpoint_2", "checkpoint_3"],
        ["checkpoint_4"],
        _listing("checkpoint_2", "checkpoint_3"),
    )
    assert prepare(str(tmp_path), "name") == str(run)
    assert newest(str(run)) == str(run / "checkpoint_3")
    assert _names(run) == {"checkpoint_2", "checkpoint_3", SNAPSHOT}


@pytest.mark.parametrize(
    "snapshot",
    [
        _listing("checkpoint_1")[:-7],  # torn
        "",
        "[]",
        None,
        _listing("checkpoint_1"),  # older than the newest checkpoint
        _listing("checkpoint_0", "checkpoint_2"),  # lists what is gone: Ray Train would refuse it
        _listing("checkpoint_2", "checkpoint_3"),  # lists a torn one
    ],
)
def test_a_torn_or_stale_snapshot_is_replaced_by_the_newest_whole_checkpoint(
    snapshot: str | None, tmp_path: Path
) -> None:
    run = _run(tmp_path, ["checkpoint_1", "checkpoint_2"], ["checkpoint_3"], snapshot)
    prepare(str(tmp_path), "name")
    assert newest(str(run)) == str(run / "checkpoint_2")
    assert _names(run) == {"checkpoint_2"}


def test_a_checkpoint_that_ray_train_has_not_heard_of_is_the_newest_all_the_same(tmp_path: Path) -> None:
    run = _run(tmp_path, ["checkpoint_1", "checkpoint_2"], ["checkpoint_3"], _listing("checkpoint_1"))
    assert newest(str(run)) == str(run / "checkpoint_2")


@pytest.mark.parametrize("owner", ["", '{"config_dig', "{}", "[]", "7", None])
def test_a_checkpoint_that_does_not_say_whose_it_is_leaves_the_one_before(owner: str | None, tmp_path: Path) -> None:
    """A kill may leave the file empty, beside tensors and a state that are whole."""
    run = _run(tmp_path, ["checkpoint_1", "checkpoint_2"], [], _listing("checkpoint_1"))
    (run / "checkpoint_2" / OWNER).unlink()
    if owner is not None:
        (run / "checkpoint_2" / OWNER).write_text(owner)
    prepare(str(tmp_path), "name")
    assert newest(str(run)) == str(run / "checkpoint_1")
    assert _names(run) == {"checkpoint_1", SNAPSHOT}


def test_the_checkpoint_that_got_furthest_is_the_newest_whatever_the_clock_says(tmp_path: Path) -> None:
    by_clock = "checkpoint_2026-11-30_12-00-00.000000"
    names = [by_clock, *(checkpoint_name(task, step) for task, step in ((0, 9), (0, 10), (0, 10000), (1, 2), (10, 1)))]
    assert sorted(names) == names
    assert checkpoint_name(0, 9) != checkpoint_name(0, 9), "two lives that reach the same step write apart"
    run = _run(tmp_path, names, [], None)
    assert newest(str(run)) == str(run / names[-1])


def test_a_first_life_has_nothing_to_prepare(tmp_path: Path) -> None:
    assert newest(prepare(str(tmp_path / "none"), "name")) is None
    run = _run(tmp_path, [], ["checkpoint_1"], _listing("checkpoint_1"))  # nothing whole: from the start
    assert newest(prepare(str(tmp_path), "name")) is None
    assert _names(run) == set()


def test_remove_leaves_other_runs(tmp_path: Path) -> None:
    _run(tmp_path / "train", ["checkpoint_1"], [], None)
    (tmp_path / "train" / "other").mkdir()
    remove(str(tmp_path / "train"), "name")
    assert _names(tmp_path / "train") == {"other"}
    (tmp_path / "train" / "other").rmdir()
    remove(str(tmp_path / "train"), "name")
    assert (tmp_path / "train").exists(), "a folder of this name in which the run is not may be the user's"
    (tmp_path / "train" / "name").mkdir()
    remove(str(tmp_path / "train"), "name")
    assert not (tmp_path / "train").exists()
