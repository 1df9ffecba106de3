"""A real set of counterfactuals, corrupted in ten ways and more: each is found, with what is wrong and where."""

import json
import shutil
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from advgen_ray import cli
from advgen_ray.config import CounterfactualsConfig, DataConfig, ValidateConfig
from advgen_ray.distributed.counterfactual_rows import CounterfactualRows
from advgen_ray.errors import UserError
from advgen_ray.stages import counterfactuals, validation
from advgen_ray.stages.validation import check, run
from advgen_ray.storage.descriptions import identity_of
from advgen_ray.storage.schemas import COUNTERFACTUALS
from advgen_ray.storage.shards import ShardHeader, decode, encode
from tests.classifier_jobs import CPU, fill
from tests.damage import made_set, user_images
from tests.models_on_disk import by_classifier_config, generate_config, save_classifier, save_score_model

Rows = list[dict[str, Any]]


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """60 counterfactuals of three digits in shards of 25, 25 and 10."""
    return Path(made_set(tmp_path_factory.mktemp("sound")))


@pytest.fixture
def copy(sound: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(sound, tmp_path / "copy"))


def shard(where: Path, index: int) -> Path:
    return where / "shards" / f"shard-{index:05d}.parquet"


def edit(path: Path, change: Callable[[dict[str, Any]], object]) -> None:
    content = json.loads(path.read_text())
    change(content)
    path.write_text(json.dumps(content))


def describe_again(where: Path) -> None:
    """Make the manifest fit whatever the shards are now."""

    def counted(manifest: dict[str, Any]) -> None:
        for index, entry in enumerate(manifest["shards"]):
            data = shard(where, index).read_bytes()
            entry["sha256"] = sha256(data).hexdigest()
            entry["num_rows"] = decode(data, header(where), "", ["item_id"]).num_rows
        manifest["num_rows"] = sum(entry["num_rows"] for entry in manifest["shards"])

    edit(where / "manifest.json", counted)


def header(where: Path) -> ShardHeader:
    plan = json.loads((where / "plan.json").read_text())
    return ShardHeader(plan["kind"], plan["identity"], tuple(plan["image_shape"]))


def rewritten(index: int, change: Callable[[Rows], object]) -> Callable[[Path], None]:
    """A corruption that only the rows can show: the shard is encoded anew, the manifest made to fit."""

    def corrupt(where: Path) -> None:
        rows = decode(shard(where, index).read_bytes(), header(where), "").to_pylist()
        change(rows)
        shard(where, index).write_bytes(encode(pa.Table.from_pylist(rows, COUNTERFACTUALS), header(where)))
        describe_again(where)

    return corrupt


def set_value(name: str, value: Any, row: int = 7) -> Callable[[Path], None]:
    return rewritten(1, lambda rows: rows[row].update({name: value}))


def set_pixel(value: float) -> Callable[[Path], None]:
    def change(rows: Rows) -> None:
        pixels = np.frombuffer(rows[7]["x_ce"], "<f4").copy()
        pixels[10] = value
        rows[7]["x_ce"] = pixels.tobytes()

    return rewritten(1, change)


def flip_a_byte(where: Path) -> None:
    data = bytearray(shard(where, 1).read_bytes())
    data[len(data) // 2] ^= 1
    shard(where, 1).write_bytes(data)


def truncate(where: Path) -> None:
    shard(where, 1).write_bytes(shard(where, 1).read_bytes()[:-100])


def swap(where: Path) -> None:
    first, second = (shard(where, index).read_bytes() for index in (0, 1))
    shard(where, 0).write_bytes(second)
    shard(where, 1).write_bytes(first)


def swap_and_describe(where: Path) -> None:
    swap(where)
    describe_again(where)


def lose_and_close_the_gap(where: Path) -> None:
    """The last shard is gone, and the plan, the manifest and the identity know nothing of it."""
    shard(where, 2).unlink()
    for name in ("plan.json", "manifest.json"):
        edit(where / name, lambda content: content.update(num_shards=2))
    edit(where / "manifest.json", lambda manifest: manifest["shards"].pop())
    describe_again(where)


def edit_config(where: Path) -> None:
    edit(where / "plan.json", lambda plan: plan["config"].update(guidance_scale=9.0))


def edit_config_everywhere(where: Path) -> None:
    """Plan and manifest agree, and the identity is their digest; what the shards say of themselves is not."""
    for name in ("plan.json", "manifest.json"):
        edit(where / name, lambda content: content["config"].update(guidance_scale=9.0))
        edit(where / name, lambda c: c.update(identity=identity_of(c["kind"], c["config"], c["inputs"])))


CORRUPTIONS: dict[str, tuple[Callable[[Path], None], str]] = {
    # The ten.
    "flipped byte": (flip_a_byte, r": shard-00001.parquet: its sha256 is not the manifest's"),
    "truncated shard": (truncate, r": shard-00001.parquet: its sha256 is not the manifest's"),
    "deleted shard": (lambda at: shard(at, 1).unlink(), r"2 of 3 shards are there, shard-00001.parquet is not"),
    "duplicated row": (
        rewritten(1, lambda rows: rows.insert(7, rows[6])),
        r": shard-00001.parquet: row 7 is 1/5/1 \(source index/target/replicate\), the plan has 1/6/0 there",
    ),
    "dropped row": (rewritten(1, lambda rows: rows.pop(7)), r": shard-00001.parquet: row 7 is 1/6/1 .* 1/6/0 there"),
    "swapped shards": (swap, r": shard-00000.parquet: its sha256 .*; shard-00001.parquet: its sha256"),
    "a value of 1.5": (
        set_pixel(1.5),
        r"shard-00001.parquet: column x_ce has 1 values outside \[0, 1\], such as 1.5",
    ),
    "edited distance": (set_value("l2", 0.25), r": shard-00001.parquet: column l2 of row 7 is 0.25, from its source "),
    "another config's row": (
        set_value("config_digest", "0123456789abcdef"),
        r": shard-00001.parquet: column config_digest has 1 values that are not the plan's, such as '0123456789abcdef'",
    ),
    "edited config": (edit_config, r": plan.json: its identity is not the digest of its config and inputs"),
    # The same, hidden better, and others.
    "swapped and described": (swap_and_describe, r"shard-00000.parquet: row 0 is 1/2/1 .*; shard-00001.parquet: row 0"),
    "last row dropped": (rewritten(2, lambda rows: rows.pop()), r": shard-00002.parquet: 9 rows, the plan has 10"),
    "a shard fewer": (lose_and_close_the_gap, r": plan.json: it has 2 shards, its config makes 3"),
    "not a number": (set_pixel(float("nan")), r": shard-00001.parquet: column x_ce has 1 values outside \[0, 1\]"),
    "another pixel": (set_pixel(0.987654), r": shard-00001.parquet: column l2 of row 7 is .*, from its source follows"),
    "edited share": (set_value("l0", 0.5), r": shard-00001.parquet: column l0 of row 7 is 0.5"),
    "another seed's row": (set_value("seed", 4), r"column seed has 1 values that are not the plan's, such as 4"),
    "another model's row": (set_value("model_digest", "ab" * 32), r"column model_digest has 1 values that are not"),
    "another label": (set_value("source_label", 9), r": shard-00001.parquet: column source_label of row 7 is 9"),
    "another name": (
        set_value("item_id", "digits-train-000009/6/0"),
        r"row 7 is called 'digits-train-000009/6/0', which are not its source, target and replicate",
    ),
    "edited everywhere": (edit_config_everywhere, r": shard-00000.parquet: its identity .*; shard-00002"),
    "stray shard": (
        lambda at: shutil.copy(shard(at, 1), shard(at, 3)),
        r": shard-00003.parquet: no shard of this set",
    ),
}


def test_a_sound_set_passes_and_its_sources_are_compared(sound: Path) -> None:
    found = run(ValidateConfig(result_set=str(sound)))
    assert (found["rows"], found["shards"], found["sources"]) == (60, 3, "compared")


@pytest.mark.parametrize("name", CORRUPTIONS)
def test_a_corruption_is_found_and_named(copy: Path, name: str) -> None:
    corrupt, words = CORRUPTIONS[name]
    corrupt(copy)
    with pytest.raises(UserError, match=words) as caught:
        check(ValidateConfig(result_set=str(copy)))
    assert str(caught.value).count("\n") == 0
    assert "shard-00002" not in str(caught.value) or "00002" in words  # the sound ones are not accused


def test_rows_are_counted_from_the_beginning_of_their_shard(copy: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(validation, "ROWS_AT_ONCE", 4)
    assert check(ValidateConfig(result_set=str(copy)))["sources"] == "compared"
    name = "digits-train-000009"
    rewritten(1, lambda rows: rows[7].update(source_id=name, item_id=f"{name}/6/0"))(copy)
    with pytest.raises(UserError, match=rf"source_id of row 7 is {name}, from its source follows digits-train-000001"):
        check(ValidateConfig(result_set=str(copy)))


def test_the_command_checks_the_same(copy: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["validate", str(copy)]) == 0
    assert "sound: kind counterfactuals, rows 60, shards 3, " in capsys.readouterr().out
    CORRUPTIONS["edited distance"][0](copy)
    assert cli.main(["validate", str(copy)]) == 2
    assert "column l2 of row 7" in capsys.readouterr().err


def made(config: CounterfactualsConfig) -> Path:
    """The finished set, made without Ray."""
    result_set = counterfactuals.prepare(config)
    fill(result_set, CounterfactualRows(config, result_set, CPU))
    return Path(config.output)


def test_a_set_made_of_another_is_compared_with_it_where_it_is_named(sound: Path, tmp_path: Path) -> None:
    classifier = save_classifier(tmp_path / "model")
    where = str(made(by_classifier_config(classifier, tmp_path / "set", num_sources=2, sources=str(sound))))
    assert "name it with --set sources" in check(ValidateConfig(result_set=where))["sources"]
    assert check(ValidateConfig(result_set=where, sources=str(sound)))["sources"] == "compared"
    assert "holds another set than" in check(ValidateConfig(result_set=where, sources=where))["sources"]


def test_without_its_images_a_set_is_checked_as_far_as_it_goes(tmp_path: Path) -> None:
    data = DataConfig(name="npz", root=str(user_images(tmp_path / "images")))
    model = save_score_model(tmp_path / "model", num_classes=3, data={"name": "npz"})
    where = str(made(generate_config(model, tmp_path / "set", data=data, shard_images=10)))
    assert check(ValidateConfig(result_set=where, data=data))["sources"] == "compared"
    without = ValidateConfig(result_set=where)
    assert "not compared: " in check(without)["sources"]
    others = np.random.default_rng(1).random((12, 8, 8)).astype(np.float32)
    changed = DataConfig(name="npz", root=str(user_images(tmp_path / "others", images=others)))
    assert "holds other images than" in check(ValidateConfig(result_set=where, data=changed))["sources"]
    rewritten(0, lambda rows: rows.pop(7))(Path(where))
    with pytest.raises(UserError, match=r": shard-00000.parquet: row 7 is 1/1/0 .*, the plan has 1/0/1 there; d"):
        check(without)
