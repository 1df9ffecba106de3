"""Sets of detections, images from classifiers and input gradients: sound ones pass, each broken promise is named."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from advgen_ray.config import ValidateConfig
from advgen_ray.distributed.detector_comparison_rows import DetectionRows
from advgen_ray.errors import UserError
from advgen_ray.stages import classifier_images, detectors
from advgen_ray.stages.validation import check
from advgen_ray.storage import ResultSet
from advgen_ray.storage.schemas import SCHEMAS
from advgen_ray.storage.validate import validate
from tests.classifier_jobs import CPU, detectors_config, images_config, save_dropout_classifier
from tests.models_on_disk import save_classifier

Tables = dict[str, tuple[ResultSet, list[pa.Table]]]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Tables:
    """One set of each kind, its shards made but not stored."""
    root = tmp_path_factory.mktemp("made")
    config = detectors_config(save_dropout_classifier(root / "model"), root / "detections", num_images=6)
    detections = detectors.prepare(config)
    rows = DetectionRows(config, detections, CPU)
    maps = classifier_images.maps_of(images_config((save_classifier(root / "a" / "model"),), root / "images"))
    sets: Tables = {"detections": (detections, [rows(index) for index in range(detections.num_shards)])}
    for one in maps:
        make = one.load(CPU)
        sets[one.result_set.kind] = (one.result_set, [make(index) for index in range(one.result_set.num_shards)])
    return sets


def _stored(made: Tables, kind: str, where: Path, change: Callable[[list[dict[str, Any]]], None]) -> str:
    """The set of this kind elsewhere, the rows of its last shard changed."""
    original, tables = made[kind]
    plan = original.plan
    copy = ResultSet.create(
        str(where), kind=kind, config=plan["config"], inputs=plan["inputs"], num_shards=len(tables),
        image_shape=original.image_shape,
    )  # fmt: skip
    rows = tables[-1].to_pylist()
    change(rows)
    for index, table in enumerate([*tables[:-1], pa.Table.from_pylist(rows, schema=SCHEMAS[kind])]):
        copy.write_shard(index, table)
    copy.commit(seconds=0.0)
    return str(where)


@pytest.mark.parametrize("kind", ["detections", "classifier_images", "input_gradients"])
def test_a_sound_set_passes(made: Tables, tmp_path: Path, kind: str) -> None:
    found = check(ValidateConfig(result_set=_stored(made, kind, tmp_path, lambda rows: None)))
    assert found["kind"] == kind
    assert found["rows"] == sum(table.num_rows for table in made[kind][1])


@pytest.mark.parametrize(
    ("kind", "changes", "words"),
    [
        ("detections", {"lid": [1.0, float("nan")]}, "lid has values that are not finite"),
        ("detections", {"kd_bu": [float("inf")]}, "kd_bu has values that are not finite"),
        ("detections", {"energy_x": 0.0}, "energy_x does not follow from the logits"),
        ("detections", {"item_id": "natural/digits-test-000000"}, "occur more than once"),
        ("classifier_images", {"x_start": b"\0\0\xc0\x3f" * 64}, "x_start has 64 values outside [0, 1], such as 1.5"),
        ("classifier_images", {"x_generated": b"\0\0\xc0\x7f" * 64}, "x_generated has 64 values outside"),
        ("classifier_images", {"start_energy_xy": 9.0}, "start_energy_xy is not the first of energy_path"),
        ("classifier_images", {"energy_xy": 9.0}, "energy_xy is not the last of energy_path"),
        ("classifier_images", {"label_confidence": 1.5}, "label_confidence has 1 values outside"),
        ("input_gradients", {"gradient": b"\0\0\xc0\x7f" * 64}, "gradient has 64 values outside"),
        ("input_gradients", {"gradient": b"\0" * 8}, "image of 2 values, expected 64"),
        ("input_gradients", {"alignment": float("nan")}, "alignment has values that are not finite"),
    ],
)
def test_a_broken_promise_is_named(
    made: Tables, tmp_path: Path, kind: str, changes: dict[str, Any], words: str
) -> None:
    where = _stored(made, kind, tmp_path, lambda rows: rows[-1].update(changes))
    with pytest.raises(UserError) as caught:
        validate(where)
    assert words in str(caught.value)
    assert len(str(caught.value).splitlines()) == 1


def test_a_gradient_may_be_negative(made: Tables, tmp_path: Path) -> None:
    validate(_stored(made, "input_gradients", tmp_path, lambda rows: rows[0].update(gradient=b"\0\0\xc0\xbf" * 64)))
