"""The promises of a result set: whole shards, one identity, damage named, the same bytes for the same rows."""

import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from advgen_ray.errors import UserError
from advgen_ray.storage import ResultSet, descriptions
from advgen_ray.storage import result_set as stored_sets
from advgen_ray.storage.schemas import COUNTERFACTUALS, column_to_images, images_to_column
from advgen_ray.storage.shards import belongs, encode

SHAPE = (1, 2, 3)
CONFIG: dict[str, Any] = {"guidance_scale": 3.0, "sampler": {"kind": "ancestral", "num_steps": 40}}
INPUTS = {"score_model": "ab" * 32}


def _create(where: Path, num_shards: int = 3, **changes: Any) -> ResultSet:
    return ResultSet.create(
        str(where),
        kind="counterfactuals",
        config=CONFIG | changes,
        inputs=INPUTS,
        num_shards=num_shards,
        image_shape=SHAPE,
    )


def _images(index: int, num_rows: int) -> np.ndarray:
    return np.random.default_rng(index).random((num_rows, *SHAPE), dtype=np.float32)


def _rows(index: int, num_rows: int = 4) -> pa.Table:
    columns: dict[str, Any] = {name: [1] * num_rows for name in COUNTERFACTUALS.names}
    columns |= {"item_id": [f"{index}/{row}" for row in range(num_rows)]}
    columns |= {name: ["digest"] * num_rows for name in ("source_id", "model_digest", "config_digest")}
    columns["x_ce"] = images_to_column(_images(index, num_rows))
    return pa.table(columns, schema=COUNTERFACTUALS)


def _finished(where: Path) -> ResultSet:
    result_set = _create(where)
    for index in (2, 0, 1):
        result_set.write_shard(index, _rows(index))
    result_set.commit(seconds=1.5)
    return result_set


def test_rows_and_images_come_back_bit_for_bit_in_item_order(tmp_path: Path) -> None:
    _finished(tmp_path)
    stored = ResultSet.open(str(tmp_path))
    assert stored.read(["item_id"])["item_id"].to_pylist() == [f"{i}/{row}" for i in range(3) for row in range(4)]
    assert stored.read() == pa.concat_tables([_rows(index) for index in range(3)])
    np.testing.assert_array_equal(stored.images("x_ce"), np.concatenate([_images(i, 4) for i in range(3)]))
    assert stored.image_shape == SHAPE
    assert stored.manifest["num_rows"] == 12
    assert stored.manifest["inputs"] == INPUTS
    assert stored.manifest["config"] == CONFIG


def test_of_a_set_on_disk_no_more_than_the_next_shard_is_in_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _finished(tmp_path)
    fetched: list[str] = []

    def fetch(uri: str) -> bytes:
        fetched.append(uri)
        return Path(uri).read_bytes()

    monkeypatch.setattr(stored_sets, "read_bytes", fetch)
    tables = ResultSet.open(str(tmp_path)).tables(["item_id"])
    fetched.clear()  # the plan and the manifest
    for index, _ in enumerate(tables):
        time.sleep(0.1)  # in which a thread would fetch more, if it were asked to
        assert len(fetched) <= index + 2


def test_the_same_rows_give_the_same_bytes(tmp_path: Path) -> None:
    first, second = _finished(tmp_path / "a"), _finished(tmp_path / "b")
    for index in range(3):
        assert Path(first.shard_uri(index)).read_bytes() == Path(second.shard_uri(index)).read_bytes()
    assert (tmp_path / "a/plan.json").read_bytes() == (tmp_path / "b/plan.json").read_bytes()
    assert (tmp_path / "a/manifest.json").read_bytes() == (tmp_path / "b/manifest.json").read_bytes()


def test_an_unfinished_set_continues_and_cannot_be_read(tmp_path: Path) -> None:
    begun = _create(tmp_path)
    begun.write_shard(1, _rows(1))
    assert not begun.finished()
    with pytest.raises(UserError, match=r"1 of 3 shards are there, shard-00000.parquet is not; rerun the"):
        ResultSet.open(str(tmp_path))
    assert _create(tmp_path).missing() == [0, 2]


def test_shards_without_a_manifest_are_not_a_finished_set(tmp_path: Path) -> None:
    _finished(tmp_path)
    (tmp_path / "manifest.json").unlink()
    assert not _create(tmp_path).finished()
    with pytest.raises(UserError, match="unfinished, 3 of 3 shards"):
        ResultSet.open(str(tmp_path))


def test_another_config_into_the_same_place_is_refused_naming_both(tmp_path: Path) -> None:
    identity = _finished(tmp_path).identity
    with pytest.raises(UserError) as refused:
        _create(tmp_path, sampler={"kind": "ancestral", "num_steps": 50})
    message = str(refused.value)
    assert f"identity {identity}, this command makes " in message
    assert "sampler.num_steps is 40 there, 50 here" in message
    assert "\n" not in message
    with pytest.raises(UserError, match="replicates is None there, 2 here"):
        _create(tmp_path, replicates=2)
    assert ResultSet.open(str(tmp_path)).identity == identity


def test_other_inputs_make_another_set(tmp_path: Path) -> None:
    _finished(tmp_path)
    with pytest.raises(UserError, match=r"score_model is 'abab.*' there, 'cd' here"):
        ResultSet.create(
            str(tmp_path),
            kind="counterfactuals",
            config=CONFIG,
            inputs={"score_model": "cd"},
            num_shards=3,
            image_shape=SHAPE,
        )


def test_shards_without_a_plan_are_their_own_sets(tmp_path: Path) -> None:
    shard = Path(_finished(tmp_path).shard_uri(0))
    (tmp_path / "plan.json").unlink()
    with pytest.raises(UserError, match=r"no plan\.json, and its shards are another set's"):
        _create(tmp_path, guidance_scale=4.0)
    assert not (tmp_path / "plan.json").exists()
    assert _create(tmp_path).missing() == []
    ResultSet.open(str(tmp_path))
    (tmp_path / "plan.json").unlink()
    shard.write_bytes(shard.read_bytes()[:-7])
    with pytest.raises(UserError, match=r"no plan\.json"):
        _create(tmp_path)


@pytest.mark.parametrize("keep", [0, 7, 0.5, 0.99])
def test_a_truncated_shard_is_named_with_its_cure(tmp_path: Path, keep: float) -> None:
    shard = Path(_finished(tmp_path).shard_uri(1))
    data = shard.read_bytes()
    shard.write_bytes(data[: int(keep * len(data)) if isinstance(keep, float) else keep])
    with pytest.raises(UserError, match=r"shard-00001.parquet: damaged shard .*; delete this file and rerun"):
        ResultSet.open(str(tmp_path)).read(["item_id"])
    (tmp_path / "manifest.json").unlink()
    with pytest.raises(UserError, match=r"shard-00001.parquet: damaged shard .*; delete this file and rerun"):
        _create(tmp_path).commit(seconds=0.0)
    assert not (tmp_path / "manifest.json").exists()


def test_one_flipped_bit_is_noticed(tmp_path: Path) -> None:
    shard = Path(_finished(tmp_path).shard_uri(2))
    data = bytearray(shard.read_bytes())
    data[len(data) // 3] ^= 1
    shard.write_bytes(data)
    with pytest.raises(UserError, match=r"shard-00002.parquet: damaged shard .*sha256"):
        ResultSet.open(str(tmp_path)).images("x_ce")


def test_a_deleted_shard_is_missing_again_and_mends_to_the_same_set(tmp_path: Path) -> None:
    finished = _finished(tmp_path)
    former = finished.manifest
    Path(finished.shard_uri(1)).unlink()
    with pytest.raises(UserError, match="unfinished, 2 of 3"):
        ResultSet.open(str(tmp_path))
    again = _create(tmp_path)
    assert again.missing() == [1]
    again.write_shard(1, _rows(1))
    assert again.commit(seconds=1.5) == former


def test_a_shard_of_another_set_is_noticed(tmp_path: Path) -> None:
    _finished(tmp_path / "a")
    other = _create(tmp_path / "b", guidance_scale=15.0)
    for index in range(3):
        other.write_shard(index, _rows(index))
    strayed = Path(ResultSet.open(str(tmp_path / "a")).shard_uri(0)).read_bytes()
    Path(other.shard_uri(0)).write_bytes(strayed)
    with pytest.raises(UserError, match=r"shard-00000.parquet: damaged shard \(its identity is"):
        other.commit(seconds=0.0)


def test_a_shard_of_images_of_another_shape_is_not_the_sets(tmp_path: Path) -> None:
    header = _create(tmp_path)._header()
    data = encode(_rows(0), header)
    assert belongs(data, header)
    assert not belongs(data, replace(header, image_shape=(1, 3, 2)))


def test_rows_of_other_columns_or_with_gaps_are_refused(tmp_path: Path) -> None:
    result_set = _create(tmp_path)
    with pytest.raises(ValueError, match="do not fit the kind"):
        result_set.write_shard(0, _rows(0).drop_columns(["l2"]))
    gaps = _rows(0).set_column(7, "l2", pa.array([None, 1, 1, 1], pa.float32()))
    with pytest.raises(ValueError, match="'l2' has 1 empty values of 4"):
        result_set.write_shard(0, gaps)
    assert result_set.missing() == [0, 1, 2]


@pytest.mark.parametrize("text", ["", "{", "[]", "{}"])
def test_an_unreadable_plan_is_one_line(tmp_path: Path, text: str) -> None:
    _finished(tmp_path)
    (tmp_path / "plan.json").write_text(text)
    with pytest.raises(UserError, match=r"plan.json: .*; remove it and rerun"):
        ResultSet.open(str(tmp_path))
    (tmp_path / "plan.json").unlink()
    assert _create(tmp_path).finished(), "the advice costs nothing"


def test_a_plan_that_a_server_does_not_give_is_not_to_be_removed(monkeypatch: pytest.MonkeyPatch) -> None:
    def away(uri: str) -> bytes:
        raise UserError(f"{uri}: does not answer")

    monkeypatch.setattr(descriptions, "read_bytes", away)
    with pytest.raises(UserError, match=r"^s3://bucket/plan\.json: does not answer$"):
        descriptions.read_description("s3://bucket/plan.json")


def test_a_set_without_images_gives_none(tmp_path: Path) -> None:
    made = ResultSet.create(str(tmp_path), kind="energies", config=CONFIG, inputs=INPUTS, num_shards=1)
    with pytest.raises(ValueError, match="a set of kind 'energies' holds no images"):
        made.images("x_ce")


def test_no_set_at_all_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no result set here"):
        ResultSet.open(str(tmp_path / "absent"))


def test_images_keep_every_bit_and_refuse_another_type_or_size() -> None:
    images = np.array([0.0, 1.0, 1e-45, 0.1, 1 / 3, np.nextafter(np.float32(1), np.float32(0))], np.float32)
    column = images_to_column(images.reshape(1, *SHAPE))
    assert column_to_images(column, SHAPE).tobytes() == images.tobytes()
    assert column_to_images(column[:0], SHAPE).shape == (0, *SHAPE)
    with pytest.raises(ValueError, match="float32"):
        images_to_column(images.astype(np.float64).reshape(1, *SHAPE))
    with pytest.raises(ValueError, match="holds an image of 6 values, expected 4"):
        column_to_images(column, (1, 2, 2))
