"""Restoration as a job: the choice of strength by hand, what rows hold, what is refused, and all of it through Ray."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
import torch
from pydantic import ValidationError
from scipy.stats import ttest_1samp

from advgen_ray.analysis.estimate import Estimate, alone, mean_interval
from advgen_ray.analysis.restoration import AtBest, at_chosen_strength, by_strength, mean_gain
from advgen_ray.config import (
    AddedNoiseConfig,
    OcclusionConfig,
    PoolConfig,
    RestorationAscentConfig,
    RestoreImagesConfig,
    TrainBinaryConfig,
    TrainClassifierConfig,
    TwoConvConfig,
    ValidateConfig,
)
from advgen_ray.data import datasets
from advgen_ray.distributed.restoration_rows import parts_of, split_training
from advgen_ray.errors import UserError
from advgen_ray.stages import binary, restoration, training_split, validation
from advgen_ray.stages.restoration import map_of
from advgen_ray.storage.schemas import column_to_images
from advgen_ray.synthesis.psnr import psnr
from advgen_ray.synthesis.ssim import ssim
from advgen_ray.training.model_directory import save_model
from tests.models_on_disk import save_classifier


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A trained classifier of digits and an untrained binary model, each in a directory that names it."""
    root = tmp_path_factory.mktemp("models")
    save_classifier(root / "ten" / "model", num_steps=60)
    config = TrainBinaryConfig(class_index=3, model=TwoConvConfig(channels=(4, 8), hidden=32))
    kind, architecture = binary._model(config, datasets.dataset_info("digits", ""))
    torch.manual_seed(0)
    save_model(root / "one" / "model", kind(**architecture), {
        "kind": "two_conv", "architecture": architecture, "data": {"name": "digits"}, "training": {"class_index": 3},
    })  # fmt: skip
    return root


def _config(root: Path, output: Path, **changes: Any) -> RestoreImagesConfig:
    values: dict[str, Any] = {
        "models": (str(root / "ten" / "model"), str(root / "one" / "model")),
        "degradations": (AddedNoiseConfig(std=0.2), OcclusionConfig(share=0.2)),
        "ascent": RestorationAscentConfig(step_size=0.1, num_steps=(1, 3)),
        "noise_multiples": (0.5, 1.0),
        "num_images": 12,
        "num_validation_images": 9,
        "batch_size": 7,
        "shard_images": 10,
        "output": str(output),
        "pool": PoolConfig(max_actors=1),
    }
    return RestoreImagesConfig(**(values | changes))


def _rows(config: RestoreImagesConfig) -> pd.DataFrame:
    result_set, load = map_of(config)
    maker = load(torch.device("cpu"))
    return pd.concat([maker(index).to_pandas() for index in reversed(range(result_set.num_shards))], ignore_index=True)


@pytest.fixture(scope="module")
def rows(models: Path, tmp_path_factory: pytest.TempPathFactory) -> pd.DataFrame:
    return _rows(_config(models, tmp_path_factory.mktemp("set") / "out"))


def test_strengths_are_chosen_on_validation_images_and_gains_are_paired() -> None:
    """Method a is best at 2 on validation images, b at 0: left alone, although the test would have it at 1."""
    values = {
        ("degraded", 0.0): ([0.5, 0.5, 0.5], [0.4, 0.6, 0.2]),
        ("a", 1.0): ([0.6, 0.6, 0.6], [0.9, 0.9, 0.9]),
        ("a", 2.0): ([0.9, 0.7, 0.6], [0.5, 0.8, 0.3]),
        ("b", 1.0): ([0.1, 0.1, 0.1], [1.0, 1.0, 1.0]),
    }
    table = pd.DataFrame(
        [
            {"degradation": "noise", "method": method, "strength": strength, "half": half, "image_id": f"{half}-{i}",
             "ssim": value, "psnr": 10 * value}
            for (method, strength), both in values.items()
            for half, own in zip(("validation", "test"), both, strict=True)
            for i, value in enumerate(own)
        ]
    )  # fmt: skip
    chosen = {
        one.method: one for one in at_chosen_strength(table.sample(frac=1, random_state=0)) if one.measure == "ssim"
    }
    assert (chosen["a"].strength, chosen["a"].has_dial, chosen["a"].count) == (2.0, True, 3)
    assert chosen["a"].mean.value == pytest.approx(np.mean([0.5, 0.8, 0.3]))
    assert chosen["a"].validation == pytest.approx(np.mean([0.9, 0.7, 0.6])), "by which methods are chosen as well"
    gains = np.array([0.1, 0.2, 0.1])
    expected = ttest_1samp(gains, 0).confidence_interval(0.95)
    assert chosen["a"].gain == pytest.approx((gains.mean(), expected.low, expected.high))
    assert (chosen["b"].strength, chosen["b"].mean.value, chosen["b"].gain) == (0.0, pytest.approx(0.4), (0, 0, 0))
    assert not chosen["degraded"].has_dial
    restored = {one.method: one for one in at_chosen_strength(table, may_leave_alone=False) if one.measure == "ssim"}
    assert (restored["a"].strength, restored["a"].gain) == (2.0, pytest.approx(chosen["a"].gain))
    assert (restored["b"].strength, restored["b"].gain.value) == (1.0, pytest.approx(0.6))
    found = by_strength(table)
    of_test = found[found["half"] == "test"]
    assert list(zip(of_test["method"], of_test["strength"], strict=True)) == [
        ("degraded", 0.0), ("a", 0.0), ("a", 1.0), ("a", 2.0), ("b", 0.0), ("b", 1.0),
    ], "a method's strengths stand together, in the order of the methods"  # fmt: skip
    curve = found.set_index(["half", "method", "strength"]).sort_index()
    assert curve.loc[("test", "a", 0.0), "ssim"] == pytest.approx(0.4)
    assert curve.loc[("test", "a"), "psnr"].tolist() == pytest.approx([4.0, 9.0, 16 / 3])
    assert np.isnan(mean_interval([0.3]).low)


def test_rows_hold_every_method_at_every_strength(rows: pd.DataFrame) -> None:
    assert rows["item_id"].is_unique
    count = rows[rows["half"] == "test"].groupby(["degradation", "method"], sort=False)["strength"].unique()
    dial = {name: list(strengths) for (degradation, name), strengths in count.items() if degradation == "noise 0.2"}
    assert dial == {
        "degraded": [0], "ten": [1, 3], "one": [1, 3], "nearest by original": [0], "nearest by degraded": [0],
        "total variation": [0.5, 1], "non-local means": [0.5, 1], "wavelets": [0.5, 1],
    }  # fmt: skip
    assert [name for degradation, name in count.index if degradation == "occlusion 0.2"] == [
        "degraded", "ten", "ten, held", "one", "one, held", "nearest by true patch", "nearest by original",
        "nearest by degraded", "biharmonic",
    ]  # fmt: skip
    assert (rows.groupby("half")["image_id"].nunique() == pd.Series({"test": 12, "validation": 9})).all()
    assert set(rows.loc[rows["method"] == "one", "ascended"]) == {0}
    assert rows.loc[rows["method"] == "ten", "ascended"].nunique() > 3
    assert set(rows.loc[rows["method"] == "biharmonic", "ascended"]) == {-1}


def test_rows_are_measured_against_the_originals_and_known_pixels_are_held(rows: pd.DataFrame) -> None:
    test = datasets.load("digits", "", "test")
    own = rows[(rows["half"] == "test") & (rows["strength"].isin([0, 3]))]

    def images(degradation: str, method: str) -> torch.Tensor:
        one = own[(own["degradation"] == degradation) & (own["method"] == method)].sort_values("image_id")
        x = torch.from_numpy(column_to_images(pa.array(one["x_restored"], pa.binary()), (1, 8, 8)))
        original = test.tensor(range(12))
        np.testing.assert_allclose(one["ssim"], ssim(x, original), atol=1e-6)
        np.testing.assert_allclose(one["psnr"], psnr(x, original), atol=1e-4)
        return x

    x, hidden = test.tensor(range(12)), images("occlusion 0.2", "degraded")
    cut = hidden != x
    assert (cut.flatten(1).sum(dim=1) <= 16).all()
    held, free = images("occlusion 0.2", "ten, held"), images("occlusion 0.2", "ten")
    known = ~cut & (hidden != 0.5)
    assert torch.equal(held[known], x[known])
    assert not torch.equal(free[known], x[known])
    noisy = images("noise 0.2", "degraded")
    assert 0.08 < float((noisy - x).std()) < 0.2, "clipped, so a little less than .2"
    assert not torch.equal(images("noise 0.2", "ten"), noisy)


def test_neither_batches_nor_shards_decide(models: Path, tmp_path: Path, rows: pd.DataFrame) -> None:
    other = _rows(_config(models, tmp_path, batch_size=12, shard_images=4)).set_index("item_id")
    one = rows.set_index("item_id")
    assert set(other.index) == set(one.index)
    np.testing.assert_allclose(other.loc[one.index, "ssim"], one["ssim"], atol=1e-4)
    np.testing.assert_allclose(other.loc[one.index, "psnr"], one["psnr"], atol=2e-2)


def test_validation_images_are_those_that_a_classifier_holds_out(models: Path, tmp_path: Path) -> None:
    train = datasets.load("digits", "", "train")
    searched, held_out = split_training(train, _config(models, tmp_path, seed=3))
    training = TrainClassifierConfig(num_validation_images=9, seed=3)
    rest, validation_images = training_split.split_training(train, training)
    assert held_out.item_ids(range(9)) == validation_images.item_ids(range(9))
    assert searched.item_ids(range(len(searched))) == rest.item_ids(range(len(rest)))


def test_the_true_label_is_raised_where_asked(models: Path, tmp_path: Path) -> None:
    ascent = RestorationAscentConfig(num_steps=(1,), target="true_label")
    found = _rows(_config(models, tmp_path, ascent=ascent, degradations=(AddedNoiseConfig(std=0.5),)))
    ten = found[found["method"] == "ten"]
    assert (ten["ascended"] == ten["label"]).all()
    assert set(found.loc[found["method"] == "one", "ascended"]) == {0}


def test_gains_of_the_same_images_have_a_mean_as_wide_as_they_are() -> None:
    def at_best(measure: str, *gain: float) -> AtBest:
        return AtBest("noise", "one", measure, 1.0, True, 0.5, alone(0.5), Estimate(*gain), 12)

    chosen = [at_best("ssim", 0.1, 0.0, 0.2), at_best("ssim", 0.3, 0.1, 0.6), at_best("psnr", 9.0, 8.0, 10.0)]
    assert mean_gain(chosen, "ssim") == pytest.approx((0.2, 0.05, 0.4))


def test_shards_cover_every_image_once(models: Path, tmp_path: Path) -> None:
    parts = parts_of(_config(models, tmp_path))
    for degradation in range(2):
        for half, count in (("validation", 9), ("test", 12)):
            own = [part for part in parts if (part.degradation, part.half) == (degradation, half)]
            assert [i for part in own for i in range(part.start, part.stop)] == list(range(count))


def test_mistakes_are_named_before_work_begins(models: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no model there"):
        map_of(_config(models, tmp_path / "a", models=(str(tmp_path / "none" / "model"),)))
    with pytest.raises(UserError, match="num_validation_images=1400"):
        map_of(_config(models, tmp_path / "b", num_validation_images=1400))
    with pytest.raises(UserError, match="two are called 'one'"):
        map_of(_config(models, tmp_path / "c", models=(str(models / "one" / "model"),) * 2))
    with pytest.raises(ValidationError, match="l2 takes a radius"):
        RestorationAscentConfig(norm="l2")
    with pytest.raises(ValidationError, match="numbers that rise"):
        RestorationAscentConfig(num_steps=(2, 1))
    with pytest.raises(ValidationError, match="degradations: expected different ones"):
        RestoreImagesConfig(degradations=(AddedNoiseConfig(), AddedNoiseConfig()))


@pytest.mark.long
@pytest.mark.ray
def test_through_ray_it_ends_in_a_page_and_a_summary(ray_session: None, models: Path, tmp_path: Path) -> None:
    config = _config(models, tmp_path / "out")
    summary = restoration.run(config)
    methods = {row["method"] for row in summary["chosen"]}
    assert {"degraded", "ten", "one, held", "wavelets", "biharmonic"} <= methods
    assert {(row["method"], row["strength"] > 0) for row in summary["restored"]} == {
        (name, True) for name in ("ten", "one", "ten, held", "one, held")
    }
    page = (tmp_path / "out" / "report.html").read_text()
    assert "Can a classifier restore an image?" in page
    assert "0.379" in page, "the mean of table 2.7"
    assert restoration.run(config) == summary
    assert validation.check(ValidateConfig(result_set=config.output))["kind"] == "restorations"
