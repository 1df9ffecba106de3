"""Shards of counterfactuals under score models from elsewhere: the same promises as under our own; without Ray."""

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
import torch

from advgen_ray.config import GenerateConfig
from advgen_ray.distributed.counterfactual_rows import CounterfactualRows
from advgen_ray.errors import UserError
from advgen_ray.stages.counterfactuals import prepare
from advgen_ray.storage.schemas import column_to_images
from tests.models_on_disk import generate_config
from tests.training.foreign_score_models import SHAPE, save_denoiser, save_unet

pytestmark = pytest.mark.filterwarnings("ignore")  # torch's own: TorchScript is deprecated, buffers are read-only


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, str]]:
    """Where a config finds them, by kind."""
    root = tmp_path_factory.mktemp("foreign")
    return {
        "U-Net": {"score_model": save_unet(root / "unet", prediction_type="v_prediction")},
        "U-Nets": {
            "score_model": save_unet(root / "classes", num_class_embeds=10, beta_schedule="squaredcos_cap_v2"),
            "unconditional_model": save_unet(root / "none", num_class_embeds=None, seed=1),
        },
        "denoisers": {
            "score_model": save_denoiser(root / "edm", script=True),
            "unconditional_model": save_denoiser(root / "edm-none", num_classes=0),
        },
    }


def _config(where: dict[str, str], output: Path, **changes: Any) -> GenerateConfig:
    return generate_config(output=output, **({"num_sources": 2, "shard_images": 40} | where | changes))


def _rows(config: GenerateConfig) -> pa.Table:
    result_set = prepare(config)
    maker = CounterfactualRows(config, result_set, torch.device("cpu"))
    return pa.concat_tables([maker(index) for index in range(result_set.num_shards)])


@pytest.mark.parametrize("kind", ["U-Net", "U-Nets", "denoisers"])
def test_rows_come_whatever_the_network_and_batches_decide_nothing(
    models: dict[str, dict[str, str]], kind: str, tmp_path: Path
) -> None:
    config = _config(models[kind], tmp_path / "a")
    rows = _rows(config)
    assert rows["y_target"].to_pylist() == [y for _ in range(2) for y in range(10) for _ in range(2)]
    assert set(rows["model_digest"].to_pylist()) == {prepare(config).plan["inputs"]["score_model"]}
    images = column_to_images(rows["x_ce"], SHAPE)
    again = _rows(_config(models[kind], tmp_path / "b"))
    assert np.array_equal(images, column_to_images(again["x_ce"], SHAPE))
    other = column_to_images(_rows(_config(models[kind], tmp_path / "c", batch_size=7, shard_images=31))["x_ce"], SHAPE)
    np.testing.assert_allclose(images, other, atol=1e-5, rtol=0)
    assert ((images > 0.01) & (images < 0.99)).mean() > 0.1  # else the comparison would be one of clipped pixels


def test_the_unconditional_model_and_guidance_reach_the_images(
    models: dict[str, dict[str, str]], tmp_path: Path
) -> None:
    small = {"num_sources": 1, "replicates": 1}
    changes: list[dict[str, Any]] = [
        {},
        {"guidance_scale": 0.0},
        {"unconditional_model": models["denoisers"]["unconditional_model"]},
    ]
    seen = [_rows(_config(models["U-Nets"] | change, tmp_path / str(i), **small)) for i, change in enumerate(changes)]
    images = [rows["x_ce"].to_pylist() for rows in seen]
    assert all(first != second for i, first in enumerate(images) for second in images[:i])
    assert len({rows["model_digest"][0].as_py() for rows in seen}) == 2
    assert prepare(_config(models["U-Nets"], tmp_path / "0", **small)).num_shards == 1  # the same set, not refused


def test_a_model_without_null_class_takes_no_guidance(models: dict[str, dict[str, str]], tmp_path: Path) -> None:
    alone = models["U-Nets"] | {"unconditional_model": ""}
    with pytest.raises(UserError, match=r"guidance_scale=2: .* has no null class; give an unconditional model with"):
        prepare(_config(alone, tmp_path / "a"))
    rows = _rows(_config(alone, tmp_path / "b", guidance_scale=0.0, num_sources=1, replicates=1))
    assert rows.num_rows == 10


def test_a_network_that_changed_since_the_plan_is_refused(tmp_path: Path) -> None:
    where = {
        "score_model": save_unet(tmp_path / "classes", num_class_embeds=10),
        "unconditional_model": save_unet(tmp_path / "none", num_class_embeds=None),
    }
    config = _config(where, tmp_path / "ce")
    result_set = prepare(config)
    save_unet(tmp_path / "none", num_class_embeds=None, seed=1)
    with pytest.raises(UserError, match="holds another model than when this job began"):
        CounterfactualRows(config, result_set, torch.device("cpu"))
