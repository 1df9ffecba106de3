"""Least distortion past detection: rows without Ray, the table by hand, what is refused, and the job through Ray."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from pydantic import ValidationError

from advgen_ray.analysis.distortion import NEAREST, NEAREST_TARGET, distances, nearest_rows, table
from advgen_ray.config import MeasureDistortionConfig, PoolConfig
from advgen_ray.data import datasets
from advgen_ray.distributed.distortion_rows import ANY, DistortionRows, radii_of, read, targets_of
from advgen_ray.errors import UserError
from advgen_ray.stages import distortion
from advgen_ray.stages.distortion import prepare
from advgen_ray.storage import ResultSet
from advgen_ray.storage.schemas import column_to_images
from advgen_ray.storage.validate import validate
from tests.classifier_jobs import CPU, fill
from tests.models_on_disk import save_classifier, save_detectors


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A trained classifier of digits, and an untrained detector of every class."""
    root = tmp_path_factory.mktemp("models")
    save_classifier(root / "classifier", num_steps=60)
    save_detectors(root)
    return root


def _config(models: Path, output: Path, **changes: Any) -> MeasureDistortionConfig:
    values: dict[str, Any] = {
        "classifier": str(models / "classifier"),
        "detectors": str(models),
        "methods": ("generative", "integrated"),
        "num_images": 12,
        "num_natural": 60,
        "steps": 8,
        "step_size": 0.3,
        "bisections": 3,
        "searches": ("radii", "fab"),
        "num_radii": 6,
        "search_steps": 5,
        "batch_size": 5,
        "shard_images": 7,
        "output": str(output),
        "pool": PoolConfig(min_actors=1, max_actors=1),
    }
    return MeasureDistortionConfig(**(values | changes))


def _stored(config: MeasureDistortionConfig) -> tuple[pd.DataFrame, ResultSet, DistortionRows]:
    _, classifier, detectors, result_set = prepare(config)
    maker = DistortionRows(config, classifier, detectors, CPU)
    return fill(result_set, maker), result_set, maker


def test_rows_pass_and_lie_where_they_say(models: Path, tmp_path: Path) -> None:
    rows, result_set, maker = _stored(_config(models, tmp_path))
    validate(result_set.uri)
    assert len(rows) == 2 * 4 * 12
    assert rows["item_id"].is_unique
    assert (rows["target"] != rows["label"]).all()
    images = datasets.load("digits", "", "test").first(12)
    x = images.tensor()
    for (method, search), part in rows.groupby(["method", "search"]):
        assert part["image_id"].tolist() == images.item_ids(range(12))
        x_adv = torch.from_numpy(column_to_images(result_of(part), (1, 8, 8)))
        predicted, logit = read(maker.models[str(method)](x_adv), 10)
        found = part["found"].to_numpy()
        assert (x_adv[~found] == x[~found]).all(), "what was not found is the image itself"
        assert (part["distortion"][~found] == 8).all(), "never zero"
        far = (x_adv - x).flatten(1).norm(dim=1).numpy()
        np.testing.assert_allclose(part["distortion"][found], far[found], rtol=1e-5)
        assert (predicted.numpy()[found] == part["target"][found]).all(), search
        assert (logit.numpy()[found] >= part["threshold"][found] - 1e-4).all()
        assert found.any() or method == "integrated", search
    last, every = (
        rows[rows["search"] == search]["distortion"].to_numpy() for search in ("penalized_last", "penalized")
    )
    assert (every <= last).all(), "the last iterate is one of all"
    natural = datasets.load("digits", "", "test").first(60).tensor()
    for method in ("generative", "integrated"):
        _, logit = read(maker.models[method](natural), 10)
        threshold = rows[rows["method"] == method]["threshold"].iloc[0]
        assert (logit >= threshold - 1e-5).float().mean() >= 0.95
        assert (logit > threshold + 1e-5).float().mean() < 0.95


def result_of(part: pd.DataFrame) -> Any:
    import pyarrow as pa

    return pa.array(part["x_adv"].tolist(), pa.binary())


def test_batches_and_shards_decide_nothing(models: Path, tmp_path: Path) -> None:
    changes: dict[str, Any] = {"methods": ("generative",), "classifier": "", "searches": ("radii",)}
    one, _, _ = _stored(_config(models, tmp_path / "a", **changes))
    two, _, _ = _stored(_config(models, tmp_path / "b", **changes, batch_size=12, shard_images=12))
    two = two.set_index("item_id").loc[one["item_id"]].reset_index()
    assert (two["target"] == one["target"]).all()
    np.testing.assert_allclose(two["distortion"], one["distortion"], rtol=1e-2)


def test_the_config_says_whose_steps_a_descent_takes(models: Path, tmp_path: Path) -> None:
    changes: dict[str, Any] = {"methods": ("generative",), "classifier": "", "searches": (), "bisections": 1}
    one, _, _ = _stored(_config(models, tmp_path / "a", **changes))
    two, _, _ = _stored(_config(models, tmp_path / "b", **changes, descent="adam", step_size=0.05))
    far = two.loc[two["found"], "distortion"]
    assert (far <= 8 * 0.05 * 8 * 1.01).all(), "eight steps of .05 in each of 64 pixels, some 3.2; not .05 in all"
    assert far.max() > 8 * 0.05, "L2 steps of .05 would end there"
    assert (one["distortion"] != two["distortion"]).any()


def test_any_class_will_do_where_no_target_is_drawn(models: Path, tmp_path: Path) -> None:
    rows, _, _ = _stored(
        _config(models, tmp_path, methods=("generative",), classifier="", num_targets=0, searches=("radii",))
    )
    assert (rows["target"] == ANY).all()
    found = rows[rows["found"]]
    assert len(found) > 6
    assert (found["predicted"] != found["label"]).all()


def test_targets_are_all_other_classes_each_once() -> None:
    labels = np.array([0, 4, 9])
    drawn = np.stack([targets_of(["a", "b", "c"], labels, 10, rank, seed=1) for rank in range(9)], axis=1)
    for label, targets in zip(labels, drawn, strict=True):
        assert sorted(targets) == [k for k in range(10) if k != label]
    assert drawn[0, 0] == targets_of(["a"], labels[:1], 10, 0, seed=1)[0]
    assert len({tuple(order) for order in drawn.tolist()}) == 3


def test_balls_grow_to_the_diagonal() -> None:
    radii = radii_of((1, 8, 8), 19)
    assert radii[0] == pytest.approx(8 / 64)
    assert radii[-1] == pytest.approx(8)
    assert radii[3] / radii[0] == pytest.approx(2)


def test_the_table_by_hand() -> None:
    """Two searches of three images, two targets each; one pair that neither reaches."""
    searches = {"penalized_last": (3.0, None, 5.0, 1.0, None, 4.0), "fab": (2.0, 7.0, 6.0, 1.5, None, 9.0)}
    pairs = [(image, rank) for image in "abc" for rank in (0, 1)]
    rows = pd.DataFrame(
        [
            ("generative", search, image, rank, value is not None, value or 28.0)
            for search, values in searches.items()
            for (image, rank), value in zip(pairs, values, strict=True)
        ],
        columns=["method", "search", "image_id", "target_rank", "found", "distortion"],
    )
    found = distances(rows)
    assert found["generative", NEAREST].tolist() == [2.0, 7.0, 5.0, 1.0, np.inf, 4.0]
    assert found["generative", NEAREST_TARGET].tolist() == [2.0, 1.0, 4.0]
    of = table(rows, diagonal=28.0).set_index("search")
    assert of.loc[NEAREST, "found"] == pytest.approx(5 / 6)
    assert of.loc[NEAREST, "mean"] == pytest.approx(19 / 5)
    assert of.loc[NEAREST, "mean_bound"] == pytest.approx((19 + 28) / 6)
    assert of.loc["penalized_last", "found"] == pytest.approx(4 / 6)
    assert of.loc["penalized_last", "mean"] == pytest.approx(13 / 4)
    assert of.loc["penalized_last", "mean_error"] == pytest.approx(np.std([3, 5, 1, 4], ddof=1) / 2)
    assert of.loc[NEAREST, ["lower_quartile", "median", "upper_quartile"]].tolist() == [2.0, 4.0, 7.0]
    assert of.loc["penalized_last", "upper_quartile"] == np.inf
    nearest = nearest_rows(rows).set_index(["image_id", "target_rank"])
    assert nearest.loc[("a", 0), "search"] == "fab"
    assert nearest.loc[("b", 0), "search"] == "penalized_last"
    assert len(nearest) == 6


def test_every_image_that_is_attacked_is_a_part_of_what_the_set_is(
    models: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = _config(models, tmp_path, num_images=80, num_natural=60)
    prepare(config)
    images = datasets.load("digits", "", "test").first(80)
    images.images[70] = 255 - images.images[70]
    monkeypatch.setattr(distortion, "load_images", lambda *_: images)
    with pytest.raises(UserError, match="images"):
        prepare(config)


def test_what_cannot_be_measured_is_refused(models: Path, tmp_path: Path) -> None:
    with pytest.raises(ValidationError, match="integrated detection needs one"):
        _config(models, tmp_path, classifier="")
    with pytest.raises(ValidationError, match="only integrated detection takes one"):
        _config(models, tmp_path, methods=("generative",))
    with pytest.raises(UserError, match="num_targets=10: an image of digits has 9 other classes"):
        prepare(_config(models, tmp_path, num_targets=10))
    with pytest.raises(UserError, match="num_natural=4000"):
        prepare(_config(models, tmp_path, num_natural=4000))


@pytest.mark.long
@pytest.mark.ray
def test_through_ray_it_ends_in_a_page_and_a_summary(ray_session: None, models: Path, tmp_path: Path) -> None:
    config = _config(models, tmp_path / "out", num_targets=2, searches=("fab",))
    summary = distortion.run(config)
    assert {row["search"] for row in summary["searches"]} == {
        "penalized_last", "penalized", "fab", NEAREST, NEAREST_TARGET,
    }  # fmt: skip
    assert "How far must an image go to pass?" in (tmp_path / "out" / "report.html").read_text()
    assert distortion.run(config) == summary
