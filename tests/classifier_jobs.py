"""Small settings for the jobs that look into classifiers, and what turns them into stored rows without Ray."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import torch

from advgen_ray.config import AttackConfig, CompareDetectorsConfig, GenerateFromClassifierConfig, PoolConfig
from advgen_ray.data.catalog import CATALOG
from advgen_ray.distributed.actors import Map, RowMaker
from advgen_ray.models.wide_resnet import WideResNet
from advgen_ray.storage import ResultSet
from advgen_ray.training.model_directory import save_model

CPU = torch.device("cpu")
DIGITS = CATALOG["digits"]


def save_dropout_classifier(directory: Path) -> str:
    """A WideResNet of random weights with dropout 0.3."""
    torch.manual_seed(3)
    architecture = {
        "image_shape": list(DIGITS.image_shape), "num_classes": 10, "mean": list(DIGITS.mean), "std": list(DIGITS.std),
        "depth": 10, "widen_factor": 1, "base_channels": 8, "dropout": 0.3,
    }  # fmt: skip
    card = {"kind": "wide_resnet", "architecture": architecture, "data": {"name": "digits"}}
    save_model(directory, WideResNet(**architecture), card)
    return str(directory)


def detectors_config(classifier: str, output: Path, **changes: Any) -> CompareDetectorsConfig:
    """The first 24 test digits under two short attacks, in 3 shards each, beside 60 training digits."""
    values: dict[str, Any] = {
        "num_images": 24,
        "classifier": classifier,
        "attacks": (
            AttackConfig(norm="l2", eps=1.0, num_steps=4),
            AttackConfig(norm="linf", eps=16 / 255, num_steps=3, name="weak"),
        ),
        "num_reference": 60,
        "bandwidths": (0.05, 0.2, 1.0),
        "num_passes": 4,
        "num_neighbors": 5,
        "num_candidates": 30,
        "batch_size": 5,
        "shard_images": 9,
        "seed": 11,
        "output": str(output),
        "pool": PoolConfig(min_actors=1, max_actors=1),
    }
    return CompareDetectorsConfig(**(values | changes))


def images_config(classifiers: tuple[str, ...], output: Path, **changes: Any) -> GenerateFromClassifierConfig:
    """Two images a class by 3 steps, their 4 nearest among 50 test digits, gradients at 12 of them."""
    values: dict[str, Any] = {
        "classifiers": classifiers,
        "images_per_class": 2,
        "start_sigma": 0.05,
        "num_steps": 3,
        "num_neighbors": 4,
        "num_test_images": 50,
        "num_gradient_images": 12,
        "batch_size": 4,
        "shard_images": 7,
        "seed": 5,
        "output": str(output),
        "pool": PoolConfig(min_actors=1, max_actors=1),
    }
    return GenerateFromClassifierConfig(**(values | changes))


def fill(result_set: ResultSet, rows: RowMaker) -> pd.DataFrame:
    """Make and commit every shard in a plain loop; returns all rows."""
    tables = [rows(index) for index in range(result_set.num_shards)]
    for index, table in enumerate(tables):
        result_set.write_shard(index, table)
    result_set.commit(seconds=0.0)
    return pa.concat_tables(tables).to_pandas()


def fill_map(one: Map) -> pd.DataFrame:
    """The same of a set and the function that loads its row maker."""
    return fill(one.result_set, one.load(CPU))


def fill_maps(name: str, maps: Sequence[Map], pool: PoolConfig) -> None:
    """In the place of ``run_maps``: what is missing, in this process and without Ray."""
    for one in maps:
        if not one.result_set.finished():
            fill_map(one)
