"""The rows of a robust evaluation: a shard's images through a suite of attacks, stored often enough to lose little."""

import json
import time
from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import torch
from safetensors import SafetensorError
from safetensors.torch import load, save

from advgen_ray.attacks.standard import standard
from advgen_ray.attacks.suite import MISCLASSIFIED, STANDING, SuiteAttack, SuiteState, attack_of, evaluate
from advgen_ray.config.evaluation import EvaluateRobustnessConfig
from advgen_ray.data import datasets
from advgen_ray.distributed import metrics
from advgen_ray.distributed.attacks import THREAT_MODELS, build_suite
from advgen_ray.distributed.columns import made_by
from advgen_ray.distributed.loading import load_unchanged
from advgen_ray.storage import ResultSet
from advgen_ray.storage.filesystem import exists, join, read_bytes, write_atomic
from advgen_ray.storage.schemas import ROBUSTNESS, column_to_images, images_to_column, typed_table

PROGRESS = "progress"
MAX_TOLD = 3  # shards on a progress line
SECONDS_BETWEEN_STATES = 5.0  # so much work at most is lost with an actor


class RobustnessRows:
    """``shard index -> table``; the state of a shard under way lies beside the shards, for whoever takes it over."""

    def __init__(self, config: EvaluateRobustnessConfig, result_set: ResultSet, device: torch.device) -> None:
        self.config, self.result_set, self.device = config, result_set, device
        info = datasets.dataset_info(config.data.name, config.data.root)
        self.loaded = load_unchanged(config.classifier, result_set.plan["inputs"]["classifier"], device, info)
        self.data = datasets.load(config.data.name, config.data.root, config.split).first(config.num_images)
        self.ball = THREAT_MODELS[config.norm](config.eps)
        self.attacks = suite_of(config, info.num_classes)
        self.stored_at = time.monotonic()

    def __call__(self, index: int) -> pa.Table:
        """The rows of one shard, from its stored state if there is one."""
        start = index * self.config.shard_images
        indices = np.arange(start, min(start + self.config.shard_images, len(self.data)))
        x, y = self.data.tensor(indices).to(self.device), self.data.targets(indices).to(self.device)
        state = evaluate(
            self.loaded.model,
            x,
            y,
            self.data.item_ids(indices),
            self.attacks,
            self.ball,
            batch_size=self.config.batch_size,
            resume=self._resume(index),
            on_batch=lambda state: self._store(index, state),
        )
        return self._table(indices, x, y, state)

    def _table(self, indices: np.ndarray, x: torch.Tensor, y: torch.Tensor, state: SuiteState) -> pa.Table:
        column = images_to_column(state.x_adv.cpu().numpy())
        stored = torch.from_numpy(column_to_images(column, self.data.info.image_shape)).to(self.device)
        # Both from the passes that decided: in another batch an image on the boundary may be taken for something else.
        predicted_clean = torch.where(state.fallen_by == MISCLASSIFIED, state.predicted, y)
        names = {STANDING: "", MISCLASSIFIED: "clean"} | {
            i: attack_of(attack.name) for i, attack in enumerate(self.attacks)
        }
        distance = self.ball.distance(stored.double(), x.double())
        columns = {
            "item_id": self.data.item_ids(indices),
            "label": y.cpu().numpy(),
            "predicted_clean": predicted_clean.cpu().numpy(),
            "fallen_to": [names[fallen] for fallen in state.fallen_by.tolist()],
            "x_adv": column,
            "predicted": state.predicted.cpu().numpy(),
            "distance": distance.cpu().numpy(),
        }
        return typed_table(ROBUSTNESS, columns, **made_by(self.config, self.loaded.digest))

    def _store(self, index: int, state: SuiteState) -> None:
        if time.monotonic() - self.stored_at > SECONDS_BETWEEN_STATES:
            metrics.came_forward()
            write_atomic(_state_uri(self.result_set, index), state_to_bytes(state))
            write_atomic(_place_uri(self.result_set, index), json.dumps(_place(state)).encode())
            self.stored_at = time.monotonic()

    def _resume(self, index: int) -> SuiteState | None:
        uri = _state_uri(self.result_set, index)
        return state_from_bytes(read_bytes(uri), self.device) if exists(uri) else None


def suite_of(config: EvaluateRobustnessConfig, num_classes: int) -> list[SuiteAttack]:
    """The attacks of a config in the order in which they run."""
    if config.attacks == "standard":
        return standard(THREAT_MODELS[config.norm](config.eps), num_classes, config.seed)
    return [part for attack in config.attacks for part in build_suite(attack, num_classes, config.seed)]


def labels_of(attacks: Sequence[SuiteAttack]) -> list[str]:
    """What tables call the attacks, each once."""
    return list(dict.fromkeys(attack_of(attack.name) for attack in attacks))


def num_shards(config: EvaluateRobustnessConfig, num_images: int) -> int:
    """How many shards the images of a split make."""
    return -(-num_images // config.shard_images)


def state_to_bytes(state: SuiteState) -> bytes:
    """A state as safetensors."""
    arrays = {"fallen_by": state.fallen_by, "x_adv": state.x_adv, "predicted": state.predicted}
    tensors = {name: array.cpu().contiguous() for name, array in arrays.items()}
    place = {"names": state.names, "attack": state.attack, "next_sample": state.next_sample}
    return save(tensors, metadata={"place": json.dumps(place)})


def state_from_bytes(data: bytes, device: torch.device) -> SuiteState | None:
    """The state again; None for bytes that are none, so that the shard is simply made from its beginning."""
    try:
        tensors = load(data)
        length = int.from_bytes(data[:8], "little")
        place = json.loads(json.loads(data[8 : 8 + length])["__metadata__"]["place"])
        arrays = {name: tensors[name].to(device) for name in ("fallen_by", "x_adv", "predicted")}
        return SuiteState(tuple(place["names"]), **arrays, attack=place["attack"], next_sample=place["next_sample"])
    except (SafetensorError, ValueError, KeyError):
        return None


def shards_under_way(result_set: ResultSet) -> str:
    """How far the shards are that actors attack just now, on one line."""
    told = []
    for index in result_set.missing():
        uri = _place_uri(result_set, index)
        if exists(uri):
            place = json.loads(read_bytes(uri))
            told.append(f"shard {index}: {place['standing']} of {place['images']} stand, {place['attack']}")
    return "; ".join(told[:MAX_TOLD]) + (f"; {len(told) - MAX_TOLD} more" if len(told) > MAX_TOLD else "")


def _place(state: SuiteState) -> dict[str, int | str]:
    attack = "clean" if state.attack < 0 else state.names[min(state.attack, len(state.names) - 1)]
    return {"standing": int((state.fallen_by == STANDING).sum()), "images": len(state.fallen_by), "attack": attack}


def _place_uri(result_set: ResultSet, index: int) -> str:
    return join(result_set.uri, PROGRESS, f"shard-{index:05d}.json")


def _state_uri(result_set: ResultSet, index: int) -> str:
    return join(result_set.uri, PROGRESS, f"shard-{index:05d}.safetensors")
