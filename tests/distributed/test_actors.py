"""The actor without Ray: stores each shard once, loads once, and reports an error instead of raising it."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
import torch

from advgen_ray.distributed.actors import MAX_ATTEMPTS, Map, RowMaker, ShardActor
from advgen_ray.errors import UserError
from advgen_ray.storage import ResultSet
from advgen_ray.storage.schemas import COUNTERFACTUALS


def _set(where: Path) -> ResultSet:
    return ResultSet.create(
        str(where), kind="counterfactuals", config={}, inputs={}, num_shards=4, image_shape=(1, 1, 1)
    )


def _rows(index: int) -> pa.Table:
    values = {f.name: b"0000" if f.name == "x_ce" else str(index) for f in COUNTERFACTUALS}
    numbers = {f.name: index for f in COUNTERFACTUALS if not (pa.types.is_string(f.type) or f.name == "x_ce")}
    return pa.table({name: [value] for name, value in (values | numbers).items()}, schema=COUNTERFACTUALS)


def _batch(*shards: int) -> dict[str, np.ndarray]:
    return {"map": np.zeros(len(shards), dtype=int), "shard": np.array(shards)}


def test_an_actor_loads_once_and_stores_what_it_is_handed(tmp_path: Path) -> None:
    loads, made = [], []

    def load(device: torch.device) -> RowMaker:
        loads.append(device)
        return lambda index: (made.append(index), _rows(index))[1]

    actor = ShardActor([Map(_set(tmp_path), load)], cpus=1, run="a")
    first, second = actor(_batch(2)), actor(_batch(0, 2))
    assert loads == [torch.device("cpu")]
    assert made == [2, 0]  # shard 2, handed out again, was there
    assert first["num_rows"].tolist() == [1]
    assert second["num_rows"].tolist() == [1, 0]
    assert second["mistake"].tolist() == ["", ""]
    assert _set(tmp_path).missing() == [1, 3]


def test_a_handed_out_shard_that_is_there_keeps_its_file(tmp_path: Path) -> None:
    result_set = _set(tmp_path)
    result_set.write_shard(1, _rows(1))
    before = Path(result_set.shard_uri(1)).stat()
    ShardActor([Map(result_set, lambda device: pytest.fail("nothing to load for"))], cpus=1, run="a")(_batch(1))
    after = Path(result_set.shard_uri(1)).stat()
    assert (before.st_ino, before.st_mtime_ns) == (after.st_ino, after.st_mtime_ns)


def test_two_writers_of_one_shard_are_harmless(tmp_path: Path) -> None:
    result_set = _set(tmp_path)
    result_set.write_shard(1, _rows(1))
    first = Path(result_set.shard_uri(1)).read_bytes()
    result_set.write_shard(1, _rows(1))  # the other actor looked before the first had written
    assert Path(result_set.shard_uri(1)).read_bytes() == first


def test_errors_come_back_as_values_with_nothing_stored(tmp_path: Path) -> None:
    def mistaken(device: torch.device) -> RowMaker:
        raise UserError("runs/model: no model there")

    def defective(index: int) -> pa.Table:
        raise ZeroDivisionError("in the rows")

    report = ShardActor([Map(_set(tmp_path), mistaken)], cpus=1, run="a")(_batch(0))
    assert report["mistake"].tolist() == ["runs/model: no model there"]
    assert report["away"].tolist() == [False]
    assert report["defect"].tolist() == [""]
    report = ShardActor([Map(_set(tmp_path), lambda device: defective)], cpus=1, run="a")(_batch(0))
    assert report["mistake"].tolist() == [""]
    assert report["defect"][0].splitlines()[-1] == "ZeroDivisionError: in the rows"
    assert _set(tmp_path).missing() == [0, 1, 2, 3]


def test_a_shard_that_kills_its_actors_is_given_up_within_a_run(tmp_path: Path) -> None:
    def die(index: int) -> pa.Table:
        raise KeyboardInterrupt  # no report, as when the process is killed

    def actor(run: str, rows: RowMaker) -> ShardActor:
        return ShardActor([Map(_set(tmp_path), lambda device: rows)], cpus=1, run=run)

    for _ in range(MAX_ATTEMPTS):
        with pytest.raises(KeyboardInterrupt):
            actor("first", die)(_batch(1))
    given_up = actor("first", die)(_batch(1))
    assert given_up["given_up"].tolist() == [True]
    assert "3 actors died over it" in given_up["reason"][0]
    assert given_up["defect"].tolist() == given_up["mistake"].tolist() == [""], "the others go on"
    assert [path.name for path in (tmp_path / "failures").iterdir()] == ["shard-00001.json"]
    assert given_up["attempt"].tolist() == [4], "the driver tells how often shards were begun again"
    assert actor("first", _rows)(_batch(2))["defect"].tolist() == [""]
    assert actor("first", _rows)(_batch(2))["attempt"].tolist() == [0], "it is there already"
    assert actor("second", _rows)(_batch(1))["given_up"].tolist() == [False]  # the same command again tries again
    assert not list((tmp_path / "failures").iterdir())


def test_an_actor_that_does_not_see_the_output_says_so_before_it_makes_anything(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On another machine a relative output, or one on a disk of its own, is another folder."""
    for name in ("driver", "node"):
        (tmp_path / name).mkdir()
    monkeypatch.chdir(tmp_path / "driver")
    result_set = _set(Path("runs/set"))
    monkeypatch.chdir(tmp_path / "node")
    actor = ShardActor([Map(result_set, lambda device: pytest.fail("nothing to load for"))], cpus=1, run="a")
    (mistake,) = actor(_batch(0))["mistake"].tolist()
    assert mistake.startswith("output runs/set: a node that works for this job does not see it; give --set output=s3:")
    assert list((tmp_path / "node").iterdir()) == [], "nothing is left where nobody looks"
