"""Targeted synthesis, without Ray: one code for three kinds of model, the same starts for all, and what is refused."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch

from advgen_ray.config import (
    SynthesizeConfig,
)
from advgen_ray.config.synthesis import OwnImagesConfig, UniformNoiseConfig
from advgen_ray.data import datasets
from advgen_ray.errors import UserError
from advgen_ray.job import run_job
from advgen_ray.stages import synthesis
from advgen_ray.storage import ResultSet
from advgen_ray.storage.schemas import column_to_images
from advgen_ray.storage.validate import validate
from advgen_ray.training.model_directory import load_model
from tests.classifier_jobs import fill_map
from tests.small_synthesis import ASCENTS, save_models, synthesis_config


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("models")
    save_models(root)
    return root


def _filled(config: SynthesizeConfig) -> dict[str, pd.DataFrame]:
    """Every set, made in a plain loop; its rows by its place."""
    return {one.result_set.uri.removeprefix(config.output + "/"): fill_map(one) for one in synthesis.maps_of(config)}


@pytest.fixture(scope="module")
def made(root: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[SynthesizeConfig, dict[str, pd.DataFrame]]:
    config = synthesis_config(root, tmp_path_factory.mktemp("made"))
    return config, _filled(config)


def _samples(rows: dict[str, pd.DataFrame], model: str, ascent: str = "4x0.5") -> pd.DataFrame:
    return rows[f"samples/{model}/{ascent}"].set_index("start")


def test_every_kind_of_model_ascends_from_the_same_starts(
    made: tuple[SynthesizeConfig, dict[str, pd.DataFrame]],
) -> None:
    config, rows = made
    first = _samples(rows, "softmax")
    for model in ("softmax", "rest", "class-3"):
        for ascent in config.ascents:
            own = _samples(rows, model, ascent.folder)
            assert list(own["x_start"]) == list(first["x_start"])
            assert (own["logit"] > own["start_logit"]).mean() > 0.9
            assert own["distance"].max() <= (ascent.eps or ascent.num_steps * ascent.step_size) + 1e-5
            assert (own["class_asked"] == (3 if model == "class-3" else own.index % 10)).all()
            assert (own["y_target"] == (0 if model == "class-3" else own.index % 10)).all()
            assert (own["start_label"] == own.index % 10).all()
    binary_rows = _samples(rows, "class-3")
    assert ((binary_rows["predicted"] == 0) == (binary_rows["logit"] > 0)).all()
    assert (_samples(rows, "softmax")["predicted"] == first["y_target"]).mean() > 0.9


def test_what_is_stored_is_what_the_models_say(made: tuple[SynthesizeConfig, dict[str, pd.DataFrame]]) -> None:
    config, rows = made
    own = _samples(rows, "rest")
    images = torch.from_numpy(np.stack([np.frombuffer(x, "<f4") for x in own["x_generated"]])).view(-1, 1, 8, 8)
    logits = load_model(config.models[1]).model(images)
    picked = logits[torch.arange(24), torch.tensor(own["y_target"].tolist())]
    torch.testing.assert_close(torch.tensor(own["logit"].tolist()), picked, rtol=1e-4, atol=1e-4)
    judged = load_model(config.judge).model(images)
    assert judged.argmax(1).tolist() == own["judge_predicted"].tolist()
    torch.testing.assert_close(
        torch.from_numpy(np.stack(own["feature_logits"].to_list())), judged, rtol=1e-4, atol=1e-4
    )


def test_batches_and_shards_decide_nothing(root: Path, tmp_path: Path, made: tuple[SynthesizeConfig, Any]) -> None:
    other = _filled(synthesis_config(root, tmp_path, models=(f"{root}/rest/model",), batch_size=24, shard_images=24))
    for ascent in ASCENTS:
        one, two = (_samples(rows, "rest", ascent.folder) for rows in (made[1], other))
        a, b = (np.stack([np.frombuffer(x, "<f4") for x in own["x_generated"]]) for own in (one, two))
        np.testing.assert_allclose(a, b, atol=1e-3)


def test_more_ascents_leave_what_there_is(root: Path, tmp_path: Path) -> None:
    few = synthesis_config(root, tmp_path, ascents=ASCENTS[:1], models=(f"{root}/softmax/model",))
    _filled(few)
    more = synthesis.maps_of(
        few.override(["num_reference=200", "num_interpolations=0"]).model_copy(
            update={"ascents": ASCENTS, "output": str(tmp_path / "other")}
        )
    )
    assert [one.result_set.kind for one in more] == ["image_features", "synthesis", "synthesis"]
    grown = synthesis.maps_of(few.model_copy(update={"ascents": ASCENTS}))
    assert [one.result_set.finished() for one in grown] == [True, True, False, True]


def test_an_interpolation_begins_and_ends_at_samples(made: tuple[SynthesizeConfig, dict[str, pd.DataFrame]]) -> None:
    _, rows = made
    between = rows["interpolations"]
    own, samples = between[(between["model"] == "softmax") & (between["pair"] == 1)], _samples(rows, "softmax")
    assert len(own) == 4
    pixels = [np.frombuffer(x, "<f4") for x in (own["x_generated"].iloc[0], own["x_generated"].iloc[-1])]
    for found, item in zip(pixels, (1, 11), strict=True):
        np.testing.assert_allclose(found, np.frombuffer(samples.loc[item, "x_generated"], "<f4"), atol=1e-4)
    starts = column_to_images(pd_binary(own["x_start"]), (1, 8, 8))
    np.testing.assert_allclose(starts[1], starts[0] + (starts[3] - starts[0]) / 3, atol=1e-6)


def pd_binary(values: pd.Series) -> Any:
    """A column of bytes as Arrow's."""
    import pyarrow as pa

    return pa.array(values, pa.binary())


def test_images_of_the_data_become_other_classes_evenly(root: Path, tmp_path: Path) -> None:
    config = synthesis_config(
        root, tmp_path, start=OwnImagesConfig(), ascents=ASCENTS[:1], num_images=200, num_interpolations=0
    )
    rows = _samples(_filled(config.model_copy(update={"models": config.models[:1]})), "softmax")
    test = datasets.load("digits", "", "test")
    assert rows["start_label"].tolist() == test.labels[:200].tolist()
    assert (rows["class_asked"] != rows["start_label"]).all()
    assert pd.Series((rows["class_asked"] - rows["start_label"]) % 10).value_counts().between(22, 23).all()
    np.testing.assert_array_equal(np.frombuffer(rows["x_start"][5], "<f4"), test.images[5].ravel())


def test_noise_can_be_smoothed(root: Path, tmp_path: Path) -> None:
    config = synthesis_config(root, tmp_path / "a", start=UniformNoiseConfig(), ascents=ASCENTS[:1])
    config = config.model_copy(update={"models": config.models[:1]})
    rough = _samples(_filled(config), "softmax")
    smooth = _samples(_filled(config.override(["smoothing_sigma=2", f"output={tmp_path}/b"])), "softmax")
    spread = [np.std([np.frombuffer(x, "<f4") for x in rows["x_start"]]) for rows in (rough, smooth)]
    assert spread[0] == pytest.approx(12**-0.5, abs=0.02)
    assert spread[1] < spread[0] / 3


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (["models=[]"], "models is empty"),
        (["models=[{root}/absent/model]"], "absent/model: no model there"),
        (["models=[{root}/score/model]"], "holds a unet, expected a classifier"),
        (["judge={root}/softmax/model"], "the same model as 'softmax', which makes images"),
        (["feature_classifier={root}/rest/model"], "the same model as 'rest'"),
        (["feature_classifier="], "give one of the two"),
        (["inception=x.pth"], "give one of the two"),
        (["feature_classifier=", "inception={root}/x.pth"], "x.pth: not found; expected a state dict"),
        (["num_interpolations=20"], "two starts of one class are 10 apart among num_images=24"),
        (["start.kind=images", "num_images=398"], "num_images=398: there are 397 to start from"),
        (["num_reference=1401"], "num_reference=1401: the train split of digits has 1400 images"),
        (["ascents=[{norm: l2}]"], "l2 and linf take a radius"),
        (["ascents=[{num_steps: 3}, {num_steps: 3}]"], "ascents: expected different ones"),
    ],
)
def test_a_mistake_is_one_line_before_any_work(
    root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], settings: list[str], message: str
) -> None:
    file, output = tmp_path / "config.yaml", tmp_path / "out"
    file.write_text(synthesis_config(root, output).to_yaml())
    words = [word for setting in settings for word in ("--set", setting.replace("{root}", str(root)))]
    assert run_job(SynthesizeConfig, synthesis.run, ["--config", str(file), *words]) == 2
    line = capsys.readouterr().err
    assert message in line
    assert line.count("\n") == 1
    assert not output.exists()


def test_a_detector_in_common_is_no_network_of_features(root: Path, tmp_path: Path) -> None:
    config = synthesis_config(
        root, tmp_path, models=(f"{root}/softmax/model",), feature_classifier=f"{root}/rest/model"
    )
    with pytest.raises(UserError, match="no last hidden layer in common"):
        synthesis.maps_of(config)


def test_a_finished_job_is_shown_again_without_a_cluster(
    made: tuple[SynthesizeConfig, dict[str, pd.DataFrame]], capsys: pytest.CaptureFixture[str]
) -> None:
    config, rows = made
    summary = synthesis.run(config)
    assert "nothing to compute" in capsys.readouterr().out
    assert [(row["model"], row["ascent"]) for row in summary["samples"][:3]] == [
        ("", "test images"), ("", "starts"), ("softmax", "4 x 0.5"),
    ]  # fmt: skip
    assert not any("fid" in name.replace("proxy_fid", "") for name in summary), "never an FID of other features"
    assert summary["lowest_proxy_fid"] == min(row["proxy_fid"] for row in summary["samples"][2:])
    rests_on = summary["proxy_fid_rests_on"]
    assert (rests_on["generated"], rests_on["reference"], rests_on["real"]) == (24, 300, 24)
    near = summary["l2_to_training"]
    train = datasets.load("digits", "", "train").first(config.num_reference).tensor().flatten(1)
    own = np.stack([np.frombuffer(x, "<f4") for x in rows["samples/rest/4x0.5"]["x_generated"]])
    far = torch.cdist(torch.from_numpy(own), train).amin(1).numpy()
    (rest,) = (one for one in near["models"] if one["model"] == "rest")
    assert rest["count"] == len(own) == 24
    assert rest["low_l2"] == pytest.approx(np.quantile(far, 0.01), abs=1e-4)
    assert rest["ratio"] == pytest.approx(rest["low_l2"] / near["real_low_l2"], abs=1e-4)
    assert near["real_count"] == len(datasets.load("digits", "", "test"))
    assert rests_on["network_digest"] == load_model(config.judge).digest
    assert json.loads((Path(config.output) / "summary.json").read_text()) == summary
    page = (Path(config.output) / "report.html").read_text()
    assert "proxy FID (features of judge)" in page
    assert "13.21" not in page, "nothing published beside a proxy"
    for place, own in rows.items():
        assert validate(f"{config.output}/{place}")["rows"] == len(own)


@pytest.mark.long
@pytest.mark.ray
def test_actors_store_what_a_plain_loop_stores(
    ray_session: None, root: Path, tmp_path: Path, made: tuple[SynthesizeConfig, Any]
) -> None:
    config = synthesis_config(root, tmp_path / "actors", models=(f"{root}/rest/model",), num_interpolations=0)
    summary = synthesis.run(config)
    assert len(summary["samples"]) == 4
    for ascent in ASCENTS:
        mine, other = (ResultSet.open(f"{one.output}/samples/rest/{ascent.folder}") for one in (config, made[0]))
        for index in range(mine.num_shards):
            assert Path(mine.shard_uri(index)).read_bytes() == Path(other.shard_uri(index)).read_bytes()
