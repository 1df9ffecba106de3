"""Rows that cannot be made: found by halving, named with their reasons, and told apart from a job that is broken."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
import torch

from advgen_ray.distributed.actors import Map, ShardActor
from advgen_ray.distributed.counterfactual_rows import CounterfactualRows
from advgen_ray.distributed.failures import Failed, RowsFailed, make_rows
from advgen_ray.errors import UserError
from advgen_ray.stages.counterfactuals import prepare
from advgen_ray.storage import ResultSet
from tests.models_on_disk import generate_config

NUM_ROWS = 96
BATCHES = [np.arange(start, start + 32) for start in range(0, NUM_ROWS, 32)]


class Maker:
    """Rows that are their numbers; raises for batches that hold one of the ``bad``."""

    def __init__(self, bad: set[int], error: Exception | None = None) -> None:
        self.bad, self.error = bad, error or ValueError("singular\nmore of it")
        self.calls: list[list[int]] = []

    def __call__(self, rows: np.ndarray) -> pa.Table:
        self.calls.append(rows.tolist())
        if self.bad.intersection(rows.tolist()):
            raise self.error
        return pa.table({"row": rows})


def reasons_of(maker: Callable[[np.ndarray], pa.Table]) -> dict[str, str]:
    with pytest.raises(RowsFailed) as caught:
        make_rows(BATCHES, maker, str, NUM_ROWS)
    return caught.value.reasons


def test_sound_batches_are_made_once_and_in_order() -> None:
    maker = Maker(set())
    assert make_rows(BATCHES, maker, str, NUM_ROWS)["row"].to_pylist() == list(range(NUM_ROWS))
    assert maker.calls == [batch.tolist() for batch in BATCHES]


@pytest.mark.parametrize("bad", [{0}, {31}, {40}, {40, 41, 95}, set(range(32, 64)), set(range(20, 90))])
def test_the_guilty_are_found_and_their_neighbours_are_not(bad: set[int]) -> None:
    assert reasons_of(Maker(bad)) == {str(row): "ValueError: singular" for row in sorted(bad)}


def test_one_guilty_row_costs_two_more_batches_and_one_row_elsewhere() -> None:
    maker = Maker({40})
    reasons_of(maker)
    assert sum(len(call) for call in maker.calls) <= NUM_ROWS + 1 + 2 * 32
    assert len(maker.calls) <= len(BATCHES) + 1 + 2 * 5  # both halves, five times over
    assert maker.calls[-1] == BATCHES[2].tolist()  # the batches after it are tried, so that the record is whole


@pytest.mark.parametrize("size", [1, 32])
def test_a_job_of_which_nothing_can_be_made_ends_after_four_tries(size: int) -> None:
    maker = Maker(set(range(NUM_ROWS)), ImportError("no module named autoattack"))
    batches = [np.arange(start, start + size) for start in range(0, NUM_ROWS, size)]
    with pytest.raises(RuntimeError, match=r"nothing can be made: .*\(ImportError: no module named auto") as caught:
        make_rows(batches, maker, str, NUM_ROWS)
    assert isinstance(caught.value.__cause__, ImportError)  # its traceback is the one that is wanted
    assert len(maker.calls) == 4


def test_a_model_that_gives_nothing_finite_ends_the_job_too() -> None:
    def not_finite(rows: np.ndarray) -> pa.Table:
        raise RowsFailed({str(row): "x_ce is not finite" for row in rows})

    with pytest.raises(RuntimeError, match=r"nothing can be made: .*x_ce is not finite"):
        make_rows(BATCHES, not_finite, str, NUM_ROWS)


def test_rows_that_the_maker_names_itself_are_not_sought() -> None:
    calls = []

    def make(rows: np.ndarray) -> pa.Table:
        calls.append(len(rows))
        if 5 in rows:
            raise RowsFailed({"5": "x_ce is not finite"})
        return pa.table({"row": rows})

    assert reasons_of(make) == {"5": "x_ce is not finite"}
    assert calls == [32, 32, 32]


def test_a_batch_whose_rows_can_be_made_alone_is_tried_again() -> None:
    def make(rows: np.ndarray) -> pa.Table:
        calls.append(len(rows))
        if len(rows) == 32 and calls.count(32) in failing:
            raise MemoryError
        return pa.table({"row": rows})

    calls: list[int] = []
    failing = {2}
    assert make_rows(BATCHES, make, str, NUM_ROWS)["row"].to_pylist() == list(range(NUM_ROWS))
    calls, failing = [], {2, 3}
    with pytest.raises(MemoryError):
        make_rows(BATCHES, make, str, NUM_ROWS)


def test_the_last_row_of_the_plan_alone_saves_the_job() -> None:
    def make(rows: np.ndarray) -> pa.Table:
        if (rows < 8).any():
            raise ValueError("not finite")
        return pa.table({"row": rows})

    with pytest.raises(RowsFailed, match="2 rows cannot be made"):
        make_rows([np.arange(2), np.array([8])], make, str, num_rows=9)


def test_shards_given_up_are_not_counted_among_those_of_failed_rows() -> None:
    failed = Failed()
    for report in (
        {"given_up": False, "num_failed": 2, "reason": "x_ce is not finite"},
        {"given_up": True, "num_failed": 10, "reason": "3 actors died over it"},
        {"given_up": False, "num_failed": 1, "reason": "no label"},
    ):
        failed.add(report)
    assert failed.told(of=9) == (
        "failed rows: 3, in 2 of 9 shards, most often: x_ce is not finite; shards given up: 1 of 9: 3 actors died "
        "over it"
    )


def test_a_users_mistake_is_no_rows_fault() -> None:
    maker = Maker({40}, UserError("runs/model: holds another model"))
    with pytest.raises(UserError, match="holds another model"):
        make_rows(BATCHES, maker, str, NUM_ROWS)
    assert len(maker.calls) == 2


# Counterfactuals: 60 of three sources in shards of 25, batches of 10.


class Spoilt:
    """A generator of which some counterfactuals come out as NaN, or not at all."""

    def __init__(self, rows: CounterfactualRows, nan: str = "", failing: str = "") -> None:
        self.make, self.nan, self.failing = rows.generator.make, nan, failing
        rows.generator = rows.generator._replace(make=self)

    def __call__(self, sources: torch.Tensor, y_target: torch.Tensor, item_ids: list[str]) -> torch.Tensor:
        if self.failing in item_ids:
            raise ArithmeticError(f"no step for {self.failing}")
        x_ce = self.make(sources, y_target, item_ids)
        if self.nan in item_ids:
            x_ce[item_ids.index(self.nan), 0, 4, 4] = torch.nan
        return x_ce


def actor(result_set: ResultSet, rows: CounterfactualRows) -> ShardActor:
    return ShardActor([Map(result_set, lambda device: rows)], cpus=1, run="a")


def test_a_shard_with_failed_rows_is_left_for_the_next_run_which_makes_the_same_bytes(
    score_model: str, tmp_path: Path
) -> None:
    config = generate_config(score_model, tmp_path / "ce")
    result_set, sound = prepare(config), prepare(generate_config(score_model, tmp_path / "sound"))
    rows = CounterfactualRows(config, result_set, torch.device("cpu"))
    record = tmp_path / "ce" / "failures" / "shard-00001.json"
    spoilt = Spoilt(rows, nan="digits-train-000001/4/1", failing="digits-train-000002/0/0")
    shards = {"map": np.zeros(3, dtype=int), "shard": np.arange(3)}
    report = actor(result_set, rows)(shards)
    assert report["num_rows"].tolist() == [25, 0, 10]
    assert report["num_failed"].tolist() == [0, 2, 0]
    assert report["reason"].tolist() == ["", "x_ce is not finite", ""]
    assert report["defect"].tolist() == report["mistake"].tolist() == ["", "", ""]
    assert json.loads(record.read_text()) == {
        "shard": "shard-00001.parquet",
        "rows": {"1/4/1": "x_ce is not finite", "2/0/0": "ArithmeticError: no step for digits-train-000002/0/0"},
    }
    assert result_set.missing() == [1]

    spoilt.nan = spoilt.failing = ""
    assert actor(result_set, rows)(shards)["num_rows"].tolist() == [0, 25, 0]
    assert not record.exists()
    actor(sound, CounterfactualRows(config, sound, torch.device("cpu")))(shards)
    for index in range(3):
        assert Path(result_set.shard_uri(index)).read_bytes() == Path(sound.shard_uri(index)).read_bytes()


def test_a_generator_that_fails_for_all_is_a_defect_with_its_traceback(score_model: str, tmp_path: Path) -> None:
    config = generate_config(score_model, tmp_path)
    result_set = prepare(config)
    rows = CounterfactualRows(config, result_set, torch.device("cpu"))
    calls = []

    def broken(sources: torch.Tensor, y_target: torch.Tensor, item_ids: list[str]) -> torch.Tensor:
        calls.append(len(item_ids))
        return sources * torch.nan if len(calls) > 1 else torch.linalg.inv(torch.zeros(2, 2))

    rows.generator = rows.generator._replace(make=broken)
    defect = actor(result_set, rows)({"map": np.array([0]), "shard": np.array([2])})["defect"][0]
    assert "in broken" in defect
    assert defect.splitlines()[-1].startswith("RuntimeError: nothing can be made")
    assert calls == [10, 1, 1, 1]
    assert not (tmp_path / "failures").exists()
