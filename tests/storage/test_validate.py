"""Every promise of a result set, broken once: the checker names it; and a sound set passes."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from advgen_ray.errors import UserError
from advgen_ray.storage import ResultSet
from advgen_ray.storage.descriptions import config_digest
from advgen_ray.storage.schemas import COUNTERFACTUALS, ENERGIES, images_to_column
from advgen_ray.storage.validate import validate

SHAPE = (1, 2, 2)
Columns = dict[str, Any]
CONFIG, INPUTS = {"seed": 0}, {"models": {"eps-0.0": "m"}}
PROVENANCE = {"seed": [0] * 3, "model_digest": ["m"] * 3, "config_digest": [config_digest(CONFIG)] * 3}


def counterfactuals(index: int) -> Columns:
    images = np.random.default_rng(index).random((3, *SHAPE), dtype=np.float32)
    return {
        "item_id": [f"digits-train-{index}/{target}/0" for target in range(3)],
        "source_id": [f"digits-train-{index}"] * 3,
        "source_index": [index] * 3,
        "source_label": [1] * 3,
        "y_target": [0, 1, 2],
        "replicate": [0] * 3,
        "x_ce": images_to_column(images),
        **{name: [0.5] * 3 for name in ("l2", "l1", "linf", "l0")},
        **PROVENANCE,
    }


def energies(index: int) -> Columns:
    logits = np.random.default_rng(index).normal(size=(3, 4)).astype(np.float32)
    label = np.array([0, 1, 2])
    predicted = logits.argmax(1)
    return {
        "item_id": [f"eps-0.0/clean/test/{3 * index + row}" for row in range(3)],
        "classifier": ["eps-0.0"] * 3,
        "classifier_eps": [0.0] * 3,
        "classifier_seed": [0] * 3,
        "view": ["clean"] * 3,
        "image_set": ["test"] * 3,
        "image_id": [str(row) for row in range(3)],
        "label": label,
        "source_label": label,
        "predicted": predicted,
        "correct": predicted == label,
        "confidence": [0.5] * 3,
        "label_confidence": [0.5] * 3,
        "energy_x": -np.log(np.exp(logits).sum(1)),
        "energy_xy": -logits[np.arange(3), label],
        "logits": list(logits),
        "attack": [""] * 3,
        "attack_eps": [0.0] * 3,
        "attack_distance": [0.0] * 3,
        **PROVENANCE,
    }


KINDS = {"counterfactuals": (COUNTERFACTUALS, counterfactuals, SHAPE), "energies": (ENERGIES, energies, None)}


def finished(where: Path, kind: str, change: Callable[[Columns], Any] = dict) -> str:
    """A committed set of two shards, the second one changed."""
    schema, rows, shape = KINDS[kind]
    result_set = ResultSet.create(str(where), kind=kind, config=CONFIG, inputs=INPUTS, num_shards=2, image_shape=shape)
    for index in range(2):
        columns = rows(index)
        if index == 1:
            change(columns)
        result_set.write_shard(index, pa.table(columns, schema=schema))
    result_set.commit(seconds=1.0)
    return str(where)


@pytest.mark.parametrize("kind", KINDS)
def test_a_sound_set_passes(tmp_path: Path, kind: str) -> None:
    found = validate(finished(tmp_path, kind))
    assert (found["kind"], found["rows"], found["shards"]) == (kind, 6, 2)


def images(values: list[float]) -> pa.Array:
    return images_to_column(np.tile(np.array(values, dtype=np.float32).reshape(1, *SHAPE), (3, 1, 1, 1)))


@pytest.mark.parametrize(
    ("kind", "changes", "words"),
    [
        ("counterfactuals", counterfactuals(0), "3 keys occur more than once, such as 'digits-train-0/0/0'"),
        ("counterfactuals", {"x_ce": images([0.1, 0.2, 0.3, 1.5])}, "x_ce has 3 values outside [0, 1], such as 1.5"),
        ("counterfactuals", {"x_ce": images([0.1, 0.2, 0.3, float("nan")])}, "x_ce has 3 values outside"),
        ("counterfactuals", {"x_ce": [b"\0" * 12] * 3}, "image of 3 values, expected 4"),
        ("counterfactuals", {"l2": [0.1, -0.1, 0.1]}, "l2 has 1 values outside"),
        ("counterfactuals", {"l0": [0.1, 1.1, 0.1]}, "l0 has 1 values outside"),
        ("counterfactuals", {"l0": [0.1, -0.1, 0.1]}, "l0 has 1 values outside"),
        ("counterfactuals", {"l2": [0.1, float("inf"), 0.1]}, "l2 has values that are not finite"),
        ("counterfactuals", {"model_digest": ["m", "", "m"]}, "model_digest has 1 values that are not the plan's"),
        (
            "counterfactuals",
            {"config_digest": ["c"] * 3},
            "config_digest has 3 values that are not the plan's",
        ),
        ("counterfactuals", {"seed": [0, 1, 0]}, "seed has 1 values that are not the plan's, such as 1"),
        ("counterfactuals", {"item_id": ["", "a", "b"]}, "item_id has empty values"),
        ("counterfactuals", {"y_target": [0, -1, 2]}, "y_target has 1 values outside"),
        ("energies", {"confidence": [0.1, 1.5, 0.1]}, "confidence has 1 values outside"),
        ("energies", {"energy_x": [0.0, 0.0, 0.0]}, "energy_x does not follow from the logits"),
        ("energies", {"energy_xy": [0.0, 0.0, 0.0]}, "energy_xy does not follow from the logits"),
        ("energies", {"predicted": energies(1)["predicted"][[1, 2, 0]]}, "predicted is not the class"),
        ("energies", {"correct": ~energies(1)["correct"]}, "correct is not predicted == label"),
        ("energies", {"logits": [[np.nan] * 4] * 3}, "logits has values that are not finite"),
    ],
)
def test_a_broken_promise_is_named(tmp_path: Path, kind: str, changes: Columns, words: str) -> None:
    where = finished(tmp_path, kind, lambda columns: columns.update(changes))
    with pytest.raises(UserError) as caught:
        validate(where)
    assert words in str(caught.value)
    assert "shard-00001.parquet: " in str(caught.value)
    assert len(str(caught.value).splitlines()) == 1


@pytest.mark.parametrize(
    ("file", "change", "words"),
    [
        ("plan.json", {"config": {"seed": 1}}, "plan.json: its identity is not the digest of its config"),
        ("manifest.json", {"inputs": {"score_model": "x"}}, "manifest.json: its inputs is not the plan's"),
        ("manifest.json", {"num_rows": 7}, "manifest.json: its shards have 6 rows, it says 7"),
        ("manifest.json", {"num_rows": 5}, "manifest.json: its shards have 6 rows, it says 5"),
        ("manifest.json", {"shards": []}, "manifest.json: its shards are not those of the plan"),
    ],
)
def test_descriptions_that_do_not_fit_are_named(tmp_path: Path, file: str, change: Columns, words: str) -> None:
    where = finished(tmp_path, "counterfactuals")
    path = tmp_path / file
    path.write_text(json.dumps(json.loads(path.read_text()) | change))
    with pytest.raises(UserError) as caught:
        validate(where)
    assert words in str(caught.value)


def test_every_damaged_shard_is_named_at_once(tmp_path: Path) -> None:
    where = finished(tmp_path, "counterfactuals")
    for name in ("shard-00000.parquet", "shard-00001.parquet"):
        shard = tmp_path / "shards" / name
        data = bytearray(shard.read_bytes())
        data[len(data) // 2] ^= 1
        shard.write_bytes(data)
    with pytest.raises(UserError, match=r"shard-00000.*: its sha256 .*; shard-00001.*: its sha256 .*; delete the f"):
        validate(where)


@pytest.mark.parametrize(("num_damaged", "more"), [(5, "sha256 is not the manifest's; "), (6, " and 1 more; ")])
def test_of_many_damaged_shards_five_are_named(tmp_path: Path, num_damaged: int, more: str) -> None:
    result_set = ResultSet.create(
        str(tmp_path), kind="counterfactuals", config=CONFIG, inputs=INPUTS, num_shards=6, image_shape=SHAPE
    )
    for index in range(6):
        result_set.write_shard(index, pa.table(counterfactuals(index), schema=COUNTERFACTUALS))
    result_set.commit(seconds=1.0)
    for index in range(num_damaged):
        Path(result_set.shard_uri(index)).write_bytes(b"")
    with pytest.raises(UserError) as caught:
        validate(str(tmp_path))
    assert f"{more}delete the files named" in str(caught.value)
    assert str(caught.value).count("shard-") == 5


def test_a_row_count_that_only_the_manifest_has_is_named(tmp_path: Path) -> None:
    where = finished(tmp_path, "counterfactuals")
    path = tmp_path / "manifest.json"
    manifest = json.loads(path.read_text())
    for shard, change in zip(manifest["shards"], (1, -1), strict=True):
        shard["num_rows"] += change
    path.write_text(json.dumps(manifest))
    with pytest.raises(UserError, match=r"shard-00000.parquet: 3 rows, the manifest says 4"):
        validate(where)


def test_keys_of_one_hash_are_not_taken_for_one_key(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pandas.util.hash_array", lambda keys: np.zeros(len(keys), dtype=np.uint64))
    assert validate(finished(tmp_path / "sound", "energies"))["rows"] == 6
    where = finished(tmp_path / "twice", "energies", lambda columns: columns.update(item_id=energies(0)["item_id"]))
    with pytest.raises(UserError, match=r"shard-00001.parquet: 3 keys occur more than once, such as 'eps-0.0/clean/"):
        validate(where)


def test_what_else_is_asked_of_a_shard_is_asked_of_every_one(tmp_path: Path) -> None:
    asked = []

    def check(index: int, table: pa.Table) -> Iterator[str]:
        asked.append((index, table.num_rows))
        yield from ["is of the wrong colour"] * index

    with pytest.raises(UserError, match=r": shard-00001.parquet: is of the wrong colour; delete"):
        validate(finished(tmp_path, "counterfactuals"), check)
    assert asked == [(0, 3), (1, 3)]
