"""What a set takes: as many seconds as its actors say, whatever else its pool makes at the same time."""

import json
import math
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pyarrow as pa
import pytest
import torch

from advgen_ray.config import PoolConfig
from advgen_ray.distributed import actors
from advgen_ray.distributed.actors import Map, RowMaker, ShardActor
from advgen_ray.distributed.map_seconds import MapSeconds
from advgen_ray.distributed.pipelines import mapped_here, run_maps
from advgen_ray.storage import ResultSet
from tests.distributed.test_actors import _batch, _rows, _set


def _told(*shards: tuple[int, float, str], max_actors: int = 8) -> MapSeconds:
    seconds = MapSeconds(max_actors)
    for which, spent, actor in shards:
        seconds.add({"map": which, "seconds": spent, "actor": actor})
    return seconds


def test_sets_that_end_together_have_their_own_time_each() -> None:
    seconds = _told((0, 6.0, "a"), (1, 30.0, "b"), (0, 4.0, "b"), (1, 30.0, "a"))
    assert seconds.of(0, 2) == 5.0
    assert seconds.of(1, 2) == 30.0


def test_a_set_that_was_begun_before_is_timed_as_a_whole() -> None:
    assert _told((0, 3.0, "a"), (0, 5.0, "a")).of(0, 6) == 24.0


def test_actors_that_took_the_place_of_lost_ones_did_not_work_beside_them() -> None:
    assert _told((0, 3.0, "a"), (0, 3.0, "b"), (0, 6.0, "c"), max_actors=2).of(0, 3) == 6.0


def test_a_set_made_in_this_process_says_what_its_shards_took(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    now = [0.0]
    monkeypatch.setattr(actors, "time", SimpleNamespace(monotonic=lambda: now[0]))

    def load(spent: float) -> Callable[[torch.device], RowMaker]:
        def make(index: int) -> pa.Table:
            now[0] += spent
            return _rows(index)

        return lambda _: make

    quick, slow = (_set(tmp_path / name) for name in ("quick", "slow"))
    slow.write_shard(0, _rows(0))
    with mapped_here(lambda _: None):
        run_maps("count", [Map(quick, load(0.5)), Map(slow, load(8.0))], PoolConfig())
    assert ResultSet.open(quick.uri).seconds == 2.0
    assert ResultSet.open(slow.uri).seconds == 32.0, "a quarter of it was there"


def test_of_a_set_that_lacks_only_its_manifest_nobody_knows_how_long_it_took(tmp_path: Path) -> None:
    whole = _set(tmp_path)
    for index in range(whole.num_shards):
        whole.write_shard(index, _rows(index))  # and the job was killed before it could commit them
    run_maps("count", [Map(whole, lambda _: _rows)], PoolConfig())
    assert whole.finished()
    assert math.isnan(whole.seconds)
    assert json.loads(Path(whole.uri, "manifest.json").read_text())["seconds"] is None


def test_an_actor_keeps_the_models_of_the_map_at_hand(tmp_path: Path) -> None:
    loads = []

    def load(which: int) -> Callable[[torch.device], RowMaker]:
        return lambda _: loads.append(which) or _rows

    actor = ShardActor([Map(_set(tmp_path / str(which)), load(which)) for which in range(2)], cpus=1, run="a")
    for which, shards in ((0, (0, 1)), (1, (0, 1)), (0, (2,)), (1, (2, 3))):  # one of the first comes back late
        batch = _batch(*shards)
        assert not any(actor(batch | {"map": batch["map"] + which})["defect"])
        assert list(actor.rows) == [which]
    assert loads == [0, 1, 0, 1]
