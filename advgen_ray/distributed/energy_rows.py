"""The rows of a set of energies: loads the classifiers and the images, converts around attack and readout."""

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import torch
from torch import Tensor, nn

from advgen_ray.attacks.forward import forward
from advgen_ray.config import AttackConfig, ScoreEnergiesConfig
from advgen_ray.data import datasets
from advgen_ray.data.datasets import LabelledImages
from advgen_ray.distributed.attacks import THREAT_MODELS, build_passes, perturb_all
from advgen_ray.distributed.columns import classifier_columns, made_by
from advgen_ray.distributed.loading import load_unchanged
from advgen_ray.distributed.plans import ImageGroup
from advgen_ray.energy.readout import read_logits
from advgen_ray.storage import ResultSet
from advgen_ray.storage.schemas import ENERGIES, column_to_images, typed_table


@dataclass(frozen=True)
class _Images:
    """What a classifier reads: images ``[N, C, H, W]`` in [0, 1], labels int64, one id each."""

    images: Tensor
    ids: list[str]
    labels: np.ndarray
    source_labels: np.ndarray


class EnergyRows:
    """``shard index -> table``: shard ``i`` is ``groups[i]``, read in fixed batches."""

    def __init__(
        self, config: ScoreEnergiesConfig, result_set: ResultSet, groups: list[ImageGroup], device: torch.device
    ) -> None:
        inputs = result_set.plan["inputs"]
        self.config, self.groups, self.device = config, groups, device
        self.names = list(inputs["classifiers"])
        info = datasets.dataset_info(config.data.name, config.data.root)
        self.num_classes = info.num_classes
        self.loaded = [
            load_unchanged(uri, inputs["classifiers"][name], device, info)
            for uri, name in zip(config.classifiers, self.names, strict=True)
        ]
        self.splits: dict[str, LabelledImages] = {
            s: datasets.load(config.data.name, config.data.root, s) for s in config.splits
        }
        self.sets = {
            name: ResultSet.open(uri)
            for uri, name in zip(config.counterfactuals, inputs["counterfactuals"], strict=True)
        }

    def __call__(self, index: int) -> pa.Table:
        """The rows of one shard, in batches of ``batch_size``."""
        group = self.groups[index]
        images = self._counterfactuals(group) if group.view == "counterfactual" else self._split(group)
        starts = range(0, len(images.ids), self.config.batch_size)
        return pa.concat_tables([self._batch(group, images, start) for start in starts])

    def _split(self, group: ImageGroup) -> _Images:
        data, indices = self.splits[group.image_set], np.arange(group.start, group.stop)
        labels = np.asarray(data.labels)[indices]
        return _Images(data.tensor(indices), data.item_ids(indices), labels, labels)

    def _counterfactuals(self, group: ImageGroup) -> _Images:
        source = self.sets[group.image_set]
        assert source.image_shape is not None, f"{source.uri} was checked to hold images"
        table = source.shard(group.start, ["item_id", "source_label", "y_target", "x_ce"])
        images = torch.from_numpy(column_to_images(table["x_ce"], source.image_shape))
        labels = table["y_target"].to_numpy().astype(np.int64)
        return _Images(images, table["item_id"].to_pylist(), labels, table["source_label"].to_numpy())

    def _batch(self, group: ImageGroup, images: _Images, start: int) -> pa.Table:
        rows = slice(start, start + self.config.batch_size)
        model = self.loaded[group.classifier].model
        x, y = images.images[rows].to(self.device), torch.from_numpy(images.labels[rows]).to(self.device)
        distance = torch.zeros(len(x))
        if group.attack is not None:
            x, distance = self._attacked(model, self.config.attacks[group.attack], x, y, images.ids[rows])
        with torch.no_grad():
            logits = forward(model, x)
        return self._table(group, images, rows, logits, y, distance)

    def _attacked(
        self, model: nn.Module, attack: AttackConfig, x: Tensor, y: Tensor, ids: list[str]
    ) -> tuple[Tensor, Tensor]:
        """Adversarial versions and their distances in the attack's norm."""
        passes = build_passes(attack, self.num_classes, self.config.seed, until_fallen=False)
        x_adv = perturb_all(model, x, y, ids, passes)
        return x_adv, THREAT_MODELS[attack.norm](attack.eps).distance(x_adv, x)

    def _table(
        self, group: ImageGroup, images: _Images, rows: slice, logits: Tensor, y: Tensor, distance: Tensor
    ) -> pa.Table:
        loaded, name = self.loaded[group.classifier], self.names[group.classifier]
        ids, size = images.ids[rows], len(y)
        attack = None if group.attack is None else self.config.attacks[group.attack]
        view = f"{attack.label}-{attack.eps:g}" if attack else group.view
        readout = {key: value.cpu().numpy() for key, value in vars(read_logits(logits, y)).items()}
        columns = {
            "item_id": [f"{name}/{view}/{group.image_set}/{image}" for image in ids],
            **classifier_columns(name, loaded, size),
            "view": [group.view] * size,
            "image_set": [group.image_set] * size,
            "image_id": ids,
            "label": images.labels[rows],
            "source_label": images.source_labels[rows],
            **readout,
            "logits": list(logits.cpu().numpy()),
            "attack": [attack.label if attack else ""] * size,
            "attack_eps": np.full(size, attack.eps if attack else 0.0),
            "attack_distance": distance.cpu().numpy(),
        }
        return typed_table(ENERGIES, columns, **made_by(self.config, loaded.digest))
