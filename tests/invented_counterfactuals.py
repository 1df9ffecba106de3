"""A set of counterfactuals of any size with its data and energies, invented, and stored as the stages store theirs."""

from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa

from advgen_ray.config import DataConfig, ExploreCounterfactualsConfig
from advgen_ray.data import datasets
from advgen_ray.distributed.plans import CounterfactualPlan
from advgen_ray.stages.inputs import content_digest
from advgen_ray.storage import ResultSet
from advgen_ray.storage.schemas import COUNTERFACTUALS, ENERGIES, images_to_column

CLASSIFIERS = {"eps-0.0": 0.02, "eps-1.0": 0.2, "judge": 0.05}  # and how often each is wrong
NAMES = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")
FILLED = {"seed": 0, "model_digest": "f" * 64, "config_digest": "0123456789abcdef"}


def invent(
    root: Path,
    num_sources: int = 24,
    replicates: int = 2,
    image_shape: tuple[int, int, int] = (3, 32, 32),
    shard_images: int = 70,
    num_classes: int = 10,
) -> ExploreCounterfactualsConfig:
    """What asks for the explorer of ``num_sources`` sources of ten classes or less, everything under ``root``."""
    rng = np.random.default_rng(0)
    prototypes = _smooth(rng, num_classes, image_shape)
    labels = rng.integers(num_classes, size=num_sources)
    labels[0] = num_classes - 1
    images = np.clip(prototypes[labels] + 0.5 * _smooth(rng, num_sources, image_shape) - 0.25, 0, 1)
    root.mkdir(parents=True, exist_ok=True)
    whole = np.rint(255 * images).astype(np.uint8)
    np.savez(root / "train.npz", images=whole, labels=labels, class_names=np.array(NAMES[:num_classes]))
    data = DataConfig(name="npz", root=str(root))
    split = datasets.load("npz", str(root), "train")
    plan = CounterfactualPlan(num_sources, num_classes, replicates, shard_images)
    made = ResultSet.create(
        str(root / "main"),
        kind="counterfactuals",
        config={"data": {"name": "npz"}, "split": "train", "num_sources": num_sources},
        inputs={"images": content_digest(split)},
        num_shards=plan.num_shards,
        image_shape=image_shape,
    )
    for index in range(plan.num_shards):
        made.write_shard(index, _counterfactuals(rng, split, prototypes, *plan.keys(plan.rows(index))))
    made.commit(seconds=1.0)
    energies = _score(rng, root, made, split)
    return ExploreCounterfactualsConfig(
        data=data, counterfactuals=made.uri, energies=energies.uri, output=str(root / "out")
    )


def _smooth(rng: np.random.Generator, count: int, shape: tuple[int, int, int]) -> np.ndarray:
    """Random pictures without sharp edges, in [0, 1], with a little noise, so that they compress as photographs do."""
    channels, height, width = shape
    coarse = rng.random((count, channels, 4, 4))
    large = coarse.repeat(-(-height // 4), axis=2).repeat(-(-width // 4), axis=3)[..., :height, :width]
    for axis in (2, 3):
        for shift in (1, 2):
            large = (large + np.roll(large, shift, axis) + np.roll(large, -shift, axis)) / 3
    return np.clip(large + rng.normal(0, 0.01, large.shape), 0, 1)


def _counterfactuals(rng, split, prototypes, source, target, replicate) -> pa.Table:
    images = split.tensor(source).numpy()
    same = split.labels[source] == target
    weight = np.where(same, rng.uniform(0.05, 0.2, len(source)), rng.uniform(0.3, 0.8, len(source)))
    x_ce = (images + weight[:, None, None, None] * (prototypes[target] - images)).astype(np.float32)
    change = np.abs(x_ce - images).reshape(len(source), -1)
    source_ids = split.item_ids(source)
    columns = {
        "item_id": [f"{s}/{y}/{r}" for s, y, r in zip(source_ids, target, replicate, strict=True)],
        "source_id": source_ids, "source_index": source, "source_label": split.labels[source],
        "y_target": target, "replicate": replicate, "x_ce": images_to_column(x_ce),
        "l2": np.sqrt((change**2).sum(1)), "l1": change.sum(1), "linf": change.max(1), "l0": (change > 0.02).mean(1),
    }  # fmt: skip
    columns |= {name: [value] * len(source) for name, value in FILLED.items()}
    return pa.table([pa.array(columns[field.name]).cast(field.type) for field in COUNTERFACTUALS], COUNTERFACTUALS)


def _score(rng: np.random.Generator, root: Path, made: ResultSet, split: datasets.LabelledImages) -> ResultSet:
    """Clean sources and CEs under every classifier; the last source and the last CE were not asked about."""
    inputs = {"classifiers": dict.fromkeys(CLASSIFIERS, "f" * 64), "counterfactuals": {"main": made.identity}}
    energies = ResultSet.create(
        str(root / "energies"), kind="energies", config={}, inputs=inputs, num_shards=2 * len(CLASSIFIERS)
    )
    ces = made.read(["item_id", "y_target", "source_label"]).to_pandas()[:-1]
    sources = np.arange(len(split) - 1)
    clean = split.item_ids(sources), split.labels[sources], split.labels[sources]
    changed = [ces[key].to_numpy() for key in ("item_id", "y_target", "source_label")]
    for index, (name, error) in enumerate(CLASSIFIERS.items()):
        energies.write_shard(2 * index, _rows(rng, name, error, "clean", "train", *clean))
        energies.write_shard(2 * index + 1, _rows(rng, name, error, "counterfactual", "main", *changed))
    energies.commit(seconds=1.0)
    return energies


def _rows(rng, name, error, view, image_set, image_ids, labels, source_labels) -> pa.Table:
    wrong = rng.random(len(labels)) < error
    predicted = np.where(wrong, np.where(labels == source_labels, (labels + 1) % 3, source_labels), labels)
    numbers = dict.fromkeys(("energy_x", "energy_xy", "attack_eps", "attack_distance", "label_confidence"), 0.0)
    table = pd.DataFrame({"image_id": image_ids, "label": labels, "source_label": source_labels})
    eps = float(name.removeprefix("eps-")) if name != "judge" else 0.0
    table = table.assign(
        item_id=[f"{name}/{view}/{image_set}/{one}" for one in image_ids],
        classifier=name,
        classifier_eps=eps,
        classifier_seed=0,
        view=view,
        image_set=image_set,
        predicted=predicted,
        correct=predicted == labels,
        attack="",
        confidence=rng.uniform(0.5, 1, len(labels)),
        logits=[[0.0]] * len(labels),
        **numbers,
        **FILLED,
    )
    return pa.table([pa.array(table[field.name]).cast(field.type) for field in ENERGIES], ENERGIES)
