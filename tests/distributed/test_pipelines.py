"""The map over a pool of actors: what is missing is made, what is there stays, an error is one clear error."""

import os
import signal
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
import torch

from advgen_ray.config import PoolConfig
from advgen_ray.distributed import pipelines
from advgen_ray.distributed.actors import MAX_ATTEMPTS, Map, RowMaker, ShardActor
from advgen_ray.distributed.failures import RowsFailed
from advgen_ray.distributed.pipelines import run_map, run_maps
from advgen_ray.errors import AwayError, IncompleteError, UserError
from advgen_ray.storage import ResultSet
from advgen_ray.storage.schemas import COUNTERFACTUALS

pytestmark = [pytest.mark.ray, pytest.mark.usefixtures("ray_session")]


def _rows(index: int) -> pa.Table:
    values = {f.name: b"0000" if f.name == "x_ce" else str(index) for f in COUNTERFACTUALS}
    numbers = {f.name: index for f in COUNTERFACTUALS if not (pa.types.is_string(f.type) or f.name == "x_ce")}
    return pa.table({name: [value] for name, value in (values | numbers).items()}, schema=COUNTERFACTUALS)


def _make(index: int, failing: int, error: Exception) -> pa.Table:
    if index == failing:
        raise error
    return _rows(index)


def _loader(failing: int, error: Exception) -> Callable[[torch.device], RowMaker]:
    return lambda device: partial(_make, failing=failing, error=error)


def test_failures_are_one_clear_error_and_the_next_run_makes_the_rest(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    result_set = ResultSet.create(
        str(tmp_path), kind="counterfactuals", config={}, inputs={}, num_shards=6, image_shape=(1, 1, 1)
    )
    pool = PoolConfig(min_actors=1, max_actors=1)
    with pytest.raises(RuntimeError, match=r"(?s)count: shard 2 failed in an actor:.*ZeroDivisionError: of ours"):
        run_map("count", result_set, _loader(2, ZeroDivisionError("of ours")), pool)
    with pytest.raises(UserError, match=r"^runs/model: no model there$"):
        run_map("count", result_set, _loader(2, UserError("runs/model: no model there")), pool)
    assert not result_set.finished()
    there = {index: Path(result_set.shard_uri(index)).stat() for index in (0, 1)}
    capsys.readouterr()
    run_map("count", result_set, _loader(-1, ValueError()), pool)
    assert result_set.finished()
    assert ResultSet.open(str(tmp_path)).read(["source_index"])["source_index"].to_pylist() == [0, 1, 2, 3, 4, 5]
    for index, before in there.items():
        after = Path(result_set.shard_uri(index)).stat()
        assert (after.st_ino, after.st_mtime_ns) == (before.st_ino, before.st_mtime_ns)
    assert "count: 6/6 shards" in capsys.readouterr().out


@pytest.mark.parametrize("kind", [AwayError, UserError])
def test_storage_that_is_away_stays_apart_from_a_mistake(kind: type[UserError], tmp_path: Path) -> None:
    result_set = ResultSet.create(str(tmp_path), kind="energies", config={}, inputs={}, num_shards=1)
    with pipelines.mapped_here(lambda share: None), pytest.raises(UserError, match=r"^s3://b: of whom") as caught:
        run_map("count", result_set, _loader(0, kind("s3://b: of whom")), PoolConfig())
    assert caught.type is kind


def _make_once_another_is_there(index: int, folder: Path) -> pa.Table:
    (folder / str(os.getpid())).touch()
    deadline = time.monotonic() + 60
    while len(list(folder.iterdir())) < 2 and time.monotonic() < deadline:
        time.sleep(0.1)
    return _rows(index)


@pytest.mark.long
def test_a_pool_grows_while_its_actors_are_busy(tmp_path: Path) -> None:
    actors = tmp_path / "actors"
    actors.mkdir()
    result_set = ResultSet.create(
        str(tmp_path / "set"), kind="counterfactuals", config={}, inputs={}, num_shards=16, image_shape=(1, 1, 1)
    )
    slow = partial(_make_once_another_is_there, folder=actors)
    run_map("count", result_set, lambda device: slow, PoolConfig(min_actors=1, max_actors=2))
    assert len(list(actors.iterdir())) == 2


@pytest.mark.long
def test_rows_that_fail_are_written_down_and_the_same_command_makes_them(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    broken, sound = (
        ResultSet.create(
            str(tmp_path / name), kind="counterfactuals", config={}, inputs={}, num_shards=6, image_shape=(1, 1, 1)
        )
        for name in ("broken", "sound")
    )
    pool = PoolConfig(min_actors=1, max_actors=1)
    with pytest.raises(IncompleteError) as incomplete:
        run_map("count", broken, _loader(2, RowsFailed({"2/0/0": "x_ce is not finite"})), pool)
    assert str(incomplete.value) == (
        "count: failed rows: 1, in 1 of 6 shards, most often: x_ce is not finite; what is made is stored, and the "
        f"same command tries the other shards again; reasons by row: {tmp_path}/broken/failures"
    )
    assert "count: 5/6 shards, 5 images" in capsys.readouterr().out
    assert broken.missing() == [2]
    assert [path.name for path in (tmp_path / "broken" / "failures").iterdir()] == ["shard-00002.json"]
    assert not (tmp_path / "broken" / "manifest.json").exists()
    there = {path.name: path.stat().st_mtime_ns for path in (tmp_path / "broken" / "shards").iterdir()}
    for one in (broken, sound):
        run_map("count", one, _loader(-1, ValueError()), pool)
    after = {path.name: path for path in (tmp_path / "broken" / "shards").iterdir()}
    assert {name: after[name].stat().st_mtime_ns for name in there} == there
    assert {name: path.read_bytes() for name, path in after.items()} == {
        path.name: path.read_bytes() for path in (tmp_path / "sound" / "shards").iterdir()
    }
    assert broken.manifest | {"seconds": 0} == sound.manifest | {"seconds": 0}
    assert not (tmp_path / "broken" / "failures").exists()


def _die_over(index: int, deadly: int) -> pa.Table:
    if index == deadly:
        os.kill(os.getpid(), signal.SIGKILL)
    return _rows(index)


@pytest.mark.long
def test_a_shard_that_no_actor_survives_leaves_the_others(tmp_path: Path) -> None:
    result_set = ResultSet.create(
        str(tmp_path), kind="counterfactuals", config={}, inputs={}, num_shards=6, image_shape=(1, 1, 1)
    )
    rows = partial(_die_over, deadly=1)
    with pytest.raises(IncompleteError, match=r"^count: shards given up: 1 of 6: 3 actors died over it.*batch_size"):
        run_map("count", result_set, lambda device: rows, PoolConfig(max_actors=1))
    assert result_set.missing() == [1]
    assert [path.name for path in (tmp_path / "failures").iterdir()] == ["shard-00001.json"]


@pytest.mark.parametrize("made_before", [0, 1])
def test_shards_given_up_before_any_is_made_end_the_job(
    made_before: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    result_set = ResultSet.create(
        str(tmp_path), kind="counterfactuals", config={}, inputs={}, num_shards=9, image_shape=(1, 1, 1)
    )
    handed: list[int] = []

    def reports(name: str, label: str, maps: list[Map], pool: PoolConfig, missing: list[tuple[int, int]]) -> Any:
        actor = ShardActor(maps, 1, "run")
        for which, index in missing:
            if index >= made_before:
                for _ in range(MAX_ATTEMPTS):
                    maps[which].result_set.begin_attempt(index, "run")
            handed.append(index)
            yield {
                key: value[0] for key, value in actor({"map": np.array([which]), "shard": np.array([index])}).items()
            }

    monkeypatch.setattr(pipelines, "_reports", reports)
    given_up = 9 - made_before if made_before else pipelines.HOPELESS
    with pytest.raises(IncompleteError, match=rf"^count: shards given up: {given_up} of 9: "):
        run_map("count", result_set, _loader(-1, ValueError()), PoolConfig())
    assert len(handed) == made_before + given_up


def test_a_pool_that_the_cluster_cannot_hold_is_refused(tmp_path: Path) -> None:
    result_set = ResultSet.create(str(tmp_path), kind="energies", config={}, inputs={}, num_shards=1)
    with pytest.raises(UserError, match=r"pool\.min_actors=1 of 1000 CPU each: the cluster has 4 CPU"):
        run_map("count", result_set, _loader(-1, ValueError()), PoolConfig(max_actors=1, cpus_per_actor=1000))
    with pytest.raises(UserError, match=r"of 1 GPU each: the cluster has 0 GPU"):
        run_map("count", result_set, _loader(-1, ValueError()), PoolConfig(max_actors=1, gpus_per_actor=1.0))


def test_several_sets_share_a_pool_and_each_is_committed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    sets = [
        ResultSet.create(
            str(tmp_path / name), kind="counterfactuals", config={}, inputs={}, num_shards=2, image_shape=(1, 1, 1)
        )
        for name in ("done", "begun", "new")
    ]
    for index in range(2):
        sets[0].write_shard(index, _rows(index))
    sets[1].write_shard(0, _rows(0))
    failing = _loader(1, ValueError("of ours"))
    with pytest.raises(RuntimeError, match="of ours"):
        run_maps("count", [Map(sets[0], failing), Map(sets[1], failing)], PoolConfig(max_actors=1))
    assert [one.finished() for one in sets] == [True, False, False]  # nothing of the first was missing
    run_maps("count", [Map(one, _loader(-1, ValueError())) for one in sets], PoolConfig(max_actors=1))
    assert all(one.finished() for one in sets)
    assert not list(tmp_path.glob("*/attempts"))
    assert "count: 6/6 shards" in capsys.readouterr().out
    sets[0].begin_attempt(1, "run")  # as a job leaves it that is killed just behind the manifest
    sets[0].write_failures(1, {"1/0/0": "out of memory"})
    run_maps("count", [Map(one, failing) for one in sets], PoolConfig(max_actors=1))
    assert not [*tmp_path.glob("*/attempts"), *tmp_path.glob("*/failures")]
