"""Explanations as a job: the table by hand, what rows hold, and all of it through Ray."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
import torch
from pydantic import ValidationError

from advgen_ray.analysis.explanation import explanation_table
from advgen_ray.config import ExplainPredictionsConfig, PoolConfig, ValidateConfig
from advgen_ray.data import datasets
from advgen_ray.errors import UserError
from advgen_ray.stages import explanation, validation
from advgen_ray.stages.explanation import map_of
from advgen_ray.storage.schemas import column_to_images
from tests.models_on_disk import save_classifier


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("models")
    save_classifier(root / "trained" / "model", num_steps=60)
    save_classifier(root / "random" / "model", seed=1)
    return root


def _config(root: Path, output: Path, **changes: Any) -> ExplainPredictionsConfig:
    values: dict[str, Any] = {
        "classifiers": (str(root / "trained" / "model"), str(root / "random" / "model")),
        "baselines": ("black", "mean"),
        "num_images": 25,
        "num_steps": 48,
        "batch_size": 8,
        "shard_images": 10,
        "output": str(output),
        "pool": PoolConfig(max_actors=1),
    }
    return ExplainPredictionsConfig(**(values | changes))


def _rows(config: ExplainPredictionsConfig) -> pd.DataFrame:
    result_set, load = map_of(config)
    maker = load(torch.device("cpu"))
    return pd.concat([maker(index).to_pandas() for index in reversed(range(result_set.num_shards))], ignore_index=True)


def test_shares_are_taken_beyond_the_pixels_and_beyond_the_first_classifier() -> None:
    rows = pd.DataFrame(
        {
            "baseline": "mean",
            "classifier": ["a", "a", "b", "b"],
            "image_id": ["1", "2", "2", "1"],
            "label": [0, 1, 1, 0],
            "predicted": [0, 1, 0, 0],
            "logit": [4.0, 6.0, 3.0, 5.0],
            "baseline_logit": [0.0, 0.0, 1.0, 1.0],
            "delta": [0.1, -0.1, 0.3, 0.3],
            "bright_share": [0.2, 0.4, 0.4, 0.2],
            "attribution_share": [0.5, 0.4, 0.8, 0.7],
        }
    )
    a, b = explanation_table(rows).to_dict("records")
    assert (a["attributed"], a["excess"], a["beyond_first"]) == pytest.approx((0.45, 0.15, 0.0))
    assert (b["attributed"], b["excess"], b["beyond_first"]) == pytest.approx((0.75, 0.45, 0.3))
    assert b["beyond_first_low"] == pytest.approx(0.3 - 12.7062 * 0.1, abs=1e-3), "differences of .2 and .4"
    assert (a["missed"], a["missed_share"], b["missed_share"]) == pytest.approx((0.1, 0.02, 0.1))
    assert (a["accuracy"], b["accuracy"]) == (1.0, 0.5)
    assert (a["bright"], b["bright"]) == pytest.approx((0.3, 0.3))


def test_rows_are_complete_explanations_of_predictions(models: Path, tmp_path: Path) -> None:
    rows = _rows(_config(models, tmp_path / "a"))
    assert rows["item_id"].is_unique
    assert len(rows) == 25 * 2 * 2
    masks = column_to_images(pa.array(rows["attribution"], pa.binary()), (1, 8, 8))
    sums = masks.reshape(len(masks), -1).sum(axis=1)
    np.testing.assert_allclose(sums - (rows["logit"] - rows["baseline_logit"]), rows["delta"], atol=1e-4)
    scale = (rows["logit"] - rows["baseline_logit"]).abs().mean()
    assert rows["delta"].abs().mean() < 0.1 * scale, "16 points of a rough model"
    images = datasets.load("digits", "", "test").tensor(range(25)).numpy()
    black = (rows["baseline"] == "black") & (rows["classifier"] == "trained")
    own = rows[black].sort_values("image_id")
    of_black = column_to_images(pa.array(own["attribution"], pa.binary()), (1, 8, 8))
    assert (of_black[images == 0] == 0).all(), "by construction"
    np.testing.assert_allclose(own["bright_share"], (images > 0.5).mean(axis=(1, 2, 3)), atol=1e-6)
    other = _rows(_config(models, tmp_path / "b", batch_size=25, shard_images=25)).set_index("item_id")
    np.testing.assert_allclose(other.loc[rows["item_id"], "attribution_share"], rows["attribution_share"], atol=1e-4)


def test_mistakes_are_named(models: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no model there"):
        map_of(_config(models, tmp_path, classifiers=(str(tmp_path / "none"),)))
    with pytest.raises(ValidationError, match="baselines: expected different ones"):
        ExplainPredictionsConfig(baselines=("black", "black"))


@pytest.mark.long
@pytest.mark.ray
def test_through_ray_it_ends_in_a_page_and_a_summary(ray_session: None, models: Path, tmp_path: Path) -> None:
    config = _config(models, tmp_path / "out")
    summary = explanation.run(config)
    assert [(row["baseline"], row["classifier"]) for row in summary["masks"]] == [
        (baseline, name) for baseline in ("black", "mean") for name in ("trained", "random")
    ]
    page = (tmp_path / "out" / "report.html").read_text()
    assert "Which pixels carry a prediction?" in page
    assert "by construction" in page
    assert explanation.run(config) == summary
    assert validation.check(ValidateConfig(result_set=config.output))["kind"] == "explanations"
