"""Random but lively models in model directories: generation and scoring need no training to be tested."""

from pathlib import Path
from typing import Any

import torch

from advgen_ray.config import (
    AttackConfig,
    GenerateByClassifierConfig,
    GenerateConfig,
    ObjectiveConfig,
    ParameterConfig,
    PoolConfig,
    SamplerConfig,
    ScoreEnergiesConfig,
    SearchConfig,
    TrainBinaryConfig,
    TwoConvConfig,
)
from advgen_ray.config.counterfactuals import PAPER_POINT
from advgen_ray.config.evaluation import EvaluateRobustnessConfig
from advgen_ray.data import datasets
from advgen_ray.data.catalog import CATALOG
from advgen_ray.models.unet import UNet
from advgen_ray.models.wide_resnet import WideResNet
from advgen_ray.stages import binary
from advgen_ray.training.model_directory import save_model

DIGITS = CATALOG["digits"]


def save_score_model(directory: Path, seed: int = 0, num_classes: int = 10, **card: Any) -> str:
    """A U-Net of random weights; as initialised it would predict zero whatever it is given."""
    torch.manual_seed(seed)
    architecture = {
        "image_shape": list(DIGITS.image_shape),
        "num_classes": num_classes,
        "base_channels": 8,
        "channel_multipliers": [1, 2],
        "num_blocks": 1,
        "attention_stage": 1,
        "channels_per_group": 4,
        "dropout": 0.0,
    }
    model = UNet(**architecture)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.05 * torch.randn_like(parameter))
    training = {"beta_min": 0.1, "beta_max": 20.0, "seed": seed}
    whole = {"kind": "unet", "architecture": architecture, "data": {"name": "digits"}, "training": training}
    save_model(directory, model, whole | card)
    return str(directory)


def save_classifier(directory: Path, eps: float = 0.0, seed: int = 0, num_steps: int = 0) -> str:
    """A WideResNet of random weights, or trained for some steps of 128 digits: 60 make it right nine times in ten."""
    torch.manual_seed(seed)
    architecture = {
        "image_shape": list(DIGITS.image_shape),
        "num_classes": DIGITS.num_classes,
        "mean": list(DIGITS.mean),
        "std": list(DIGITS.std),
        "depth": 10,
        "widen_factor": 1,
        "base_channels": 8,
        "dropout": 0.0,
    }
    card = {
        "kind": "wide_resnet",
        "architecture": architecture,
        "data": {"name": "digits"},
        "training": {"attack": {"eps": eps}, "seed": seed},
    }
    model = WideResNet(**architecture)
    _train(model, num_steps)
    save_model(directory, model, card)
    return str(directory)


def save_detectors(root: Path) -> None:
    """An untrained detector of every digit, where ``train_one_vs_rest`` would leave them."""
    for k in range(DIGITS.num_classes):
        config = TrainBinaryConfig(class_index=k, model=TwoConvConfig(channels=(4, 8), hidden=32))
        kind, architecture = binary._model(config, DIGITS)
        torch.manual_seed(k)
        card = {"kind": "two_conv", "architecture": architecture, "data": {"name": "digits"}}
        save_model(root / f"class-{k}" / "model", kind(**architecture), card | {"training": {"class_index": k}})


def _train(model: torch.nn.Module, num_steps: int) -> None:
    images = datasets.load("digits", "", "train")
    optimizer = torch.optim.Adam(model.parameters(), 1e-2)
    for step in range(num_steps):
        rows = torch.arange(128).add(128 * step).remainder(len(images)).numpy()
        loss = torch.nn.functional.cross_entropy(model(images.tensor(rows)), images.targets(rows))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()


def generate_config(score_model: str, output: Path, **changes: Any) -> GenerateConfig:
    """Three sources, ten classes, two replicates: 60 CEs of 10 steps, in 3 shards of 25 and less."""
    values: dict[str, Any] = {
        "num_sources": 3,
        "score_model": score_model,
        "guidance_scale": 2.0,
        "sampler": SamplerConfig(num_steps=10),
        "batch_size": 10,
        "shard_images": 25,
        "seed": 3,
        "output": str(output),
        "pool": PoolConfig(min_actors=1, max_actors=1),
    }
    return GenerateConfig(**(values | changes))


def choice(key: str, *values: Any) -> ParameterConfig:
    """One setting by its values."""
    return ParameterConfig(key=key, kind="choice", values=values)


def search_config(models: Path, output: Path, **changes: Any) -> SearchConfig:
    """Trials of 30 CEs in 3 shards, two neighborhoods by two sigma_CE, after the base's and the paper's settings.

    ``models`` holds a score_model and a judge.
    """
    generation = generate_config(str(models / "score_model"), output / "unused", replicates=1, shard_images=10)
    values = {
        "job": "generate_counterfactuals",
        "base": generation.model_dump(mode="json"),
        "judge": str(models / "judge" / "model"),
        "output": str(output),
        "proposals": "grid",
        "points": ({}, PAPER_POINT),
        "objectives": (
            ObjectiveConfig(metric="validity"),
            *(ObjectiveConfig(metric=metric, goal="min") for metric in ("l2_mean", "l0_mean")),
        ),
        "space": (
            choice("neighborhood.kind", "gaussian", "bounded"),
            choice("neighborhood.sigma_ce", 0.1, 0.2),
        ),
    }
    return SearchConfig(**(values | changes))


def by_classifier_config(classifier: str, output: Path, **changes: Any) -> GenerateByClassifierConfig:
    """Three sources, ten classes: 30 CEs in 2 shards."""
    values: dict[str, Any] = {
        "num_sources": 3,
        "classifier": classifier,
        "batch_size": 10,
        "shard_images": 20,
        "output": str(output),
        "pool": PoolConfig(min_actors=1, max_actors=1),
    }
    return GenerateByClassifierConfig(**(values | changes))


def energies_config(classifiers: tuple[str, ...], output: Path, **changes: Any) -> ScoreEnergiesConfig:
    """The first 30 images of each split."""
    values: dict[str, Any] = {
        "num_images": 30,
        "classifiers": classifiers,
        "batch_size": 16,
        "shard_images": 20,
        "output": str(output),
        "pool": PoolConfig(min_actors=1, max_actors=1),
    }
    return ScoreEnergiesConfig(**(values | changes))


def robustness_config(classifier: str, output: Path, **changes: Any) -> EvaluateRobustnessConfig:
    """The first 40 test digits in two shards, two short attacks."""
    values: dict[str, Any] = {
        "num_images": 40,
        "classifier": classifier,
        "norm": "l2",
        "eps": 0.5,
        "attacks": (
            AttackConfig(kind="apgd", eps=0.5, num_steps=5, num_restarts=2),
            AttackConfig(kind="square", eps=0.5, num_steps=30),
        ),
        "batch_size": 8,
        "shard_images": 25,
        "output": str(output),
        "pool": PoolConfig(min_actors=1, max_actors=1),
    }
    return EvaluateRobustnessConfig(**(values | changes))
