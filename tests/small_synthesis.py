"""What synthesis is tried on: little trained models of every kind, and a config of few images."""

from pathlib import Path
from typing import Any

import torch

from advgen_ray.config import (
    LogitAscentConfig,
    PoolConfig,
    SynthesizeConfig,
    TrainBinaryConfig,
    TrainOneVsRestConfig,
    TwoConvConfig,
)
from advgen_ray.data import datasets
from advgen_ray.models.one_vs_rest import OneVsRest
from advgen_ray.stages import binary
from advgen_ray.stages.one_vs_rest import card_of
from advgen_ray.training.model_directory import load_model, save_model
from tests.models_on_disk import save_classifier, save_score_model

ASCENTS = (
    LogitAscentConfig(num_steps=4, step_size=0.5),
    LogitAscentConfig(norm="l2", eps=1.0, num_steps=3, step_size=0.5),
)


def save_models(root: Path) -> None:
    """A robust-shaped classifier, one binary model of the digit 3, ten detectors as one, a judge; little trained."""
    save_classifier(root / "softmax" / "model", num_steps=40)
    save_classifier(root / "judge" / "model", seed=1, num_steps=40)
    save_score_model(root / "score" / "model")
    config = TrainBinaryConfig(class_index=3, model=TwoConvConfig(channels=(4, 8), hidden=32))
    kind, architecture = binary._model(config, datasets.dataset_info("digits", ""))
    card = {"kind": "two_conv", "architecture": architecture, "data": {"name": "digits"}}
    for k in range(10):
        torch.manual_seed(k)
        save_model(root / f"class-{k}" / "model", kind(**architecture), card | {"training": {"class_index": k}})
    detectors = [load_model(root / f"class-{k}" / "model") for k in range(10)]
    whole = card_of(TrainOneVsRestConfig(training=config), detectors)
    save_model(root / "rest" / "model", OneVsRest([one.model for one in detectors]), whole)


def synthesis_config(root: Path, output: Path, **changes: Any) -> SynthesizeConfig:
    values: dict[str, Any] = {
        "models": tuple(f"{root}/{name}/model" for name in ("softmax", "rest", "class-3")),
        "ascents": ASCENTS,
        "num_images": 24,
        "judge": f"{root}/judge/model",
        "feature_classifier": f"{root}/judge/model",
        "num_reference": 300,
        "num_interpolations": 2,
        "num_points": 4,
        "batch_size": 7,
        "shard_images": 10,
        "output": str(output),
        "pool": PoolConfig(max_actors=1),
    }
    return SynthesizeConfig(**(values | changes))
