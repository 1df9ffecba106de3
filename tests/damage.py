"""Inputs that somebody got wrong, made on purpose: damaged models, impossible images, unfinished sets."""

import json
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch

from advgen_ray.distributed.counterfactual_rows import CounterfactualRows
from advgen_ray.stages import counterfactuals
from tests.classifier_jobs import CPU, fill
from tests.models_on_disk import generate_config, save_score_model


class Bomb:
    """Unpickled, it leaves a mark."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> tuple[Any, ...]:
        return (Path.touch, (self.mark,))


def user_images(root: Path, **changes: Any) -> Path:
    """``root/train.npz`` and ``root/test.npz``, sound but for the changes."""
    root.mkdir()
    arrays: dict[str, Any] = {
        "images": np.random.default_rng(0).random((12, 8, 8)).astype(np.float32),
        "labels": np.arange(12) % 3,
        "class_names": np.array(["a", "b", "c"]),
    }
    for split in ("train", "test"):
        np.savez(root / f"{split}.npz", **(arrays | changes))
    return root


def npz(root: Path, **changes: Any) -> list[str]:
    return ["data.name=npz", f"data.root={user_images(root, **changes)}"]


def not_a_number() -> np.ndarray:
    images = np.full((12, 8, 8), 0.5, dtype=np.float32)
    images[3, 4, 5] = np.nan
    return images


def altered_model(save: Callable[[Path], str], where: Path, alter: Callable[[Path], object]) -> str:
    """A model directory made, then damaged."""
    directory = Path(save(where))
    alter(directory)
    return str(directory)


def truncate(directory: Path) -> None:
    path = directory / "model.safetensors"
    path.write_bytes(path.read_bytes()[:-100])


def claim_other_architecture(directory: Path) -> None:
    card = json.loads((directory / "model.json").read_text())
    card["architecture"]["base_channels"] *= 2
    (directory / "model.json").write_text(json.dumps(card))


def plant_pickle(directory: Path) -> None:
    (directory / "model.safetensors").write_bytes(pickle.dumps(Bomb(directory / "executed")))


def torch_checkpoint(path: Path) -> str:
    torch.save({"weights": Bomb(path.with_name("executed"))}, path)
    return str(path)


def taken(path: Path) -> Path:
    path.write_text("a file, where a directory is wanted")
    return path


def made_set(at: Path, without: int | None = None) -> str:
    """A finished set of counterfactuals, made without a cluster, or one that lacks a shard."""
    config = generate_config(save_score_model(at / "made-by"), at / "made")
    result_set = counterfactuals.prepare(config)
    fill(result_set, CounterfactualRows(config, result_set, CPU))
    if without is not None:
        Path(result_set.shard_uri(without)).unlink()
    return config.output
