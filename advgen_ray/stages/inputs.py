"""What the map stages are given, models and images, checked before any work starts."""

import hashlib
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from advgen_ray.config import DataConfig
from advgen_ray.data import datasets
from advgen_ray.data.datasets import LabelledImages
from advgen_ray.distributed.image_sources import fetch
from advgen_ray.distributed.loading import load_score
from advgen_ray.errors import UserError
from advgen_ray.storage import ResultSet
from advgen_ray.storage.filesystem import local_copy
from advgen_ray.training import any_classifier
from advgen_ray.training.loaded_score import LoadedScore
from advgen_ray.training.model_directory import CLASSIFIERS, ONE_VS_REST, LoadedModel, load_model, read_card


def load_images(data: DataConfig, split: datasets.Split, num_images: int | None, key: str) -> LabelledImages:
    """A split, of which the first ``num_images`` are wanted; raises UserError, naming ``key``, if it has fewer."""
    images = fetch(data, split)
    if num_images is not None and num_images > len(images):
        raise UserError(f"{key}={num_images}: the {split} split of {data.name} has {len(images)} images; lower it")
    tell_missing_classes(images, num_images, key)
    return images


def tell_missing_classes(images: LabelledImages, num_images: int | None, key: str) -> None:
    """Warn where the first ``num_images`` lack a class that the split has.

    Only users' arrays may lie sorted: their rows keep the places that the user knows them by, all other sets are mixed.
    """
    if images.name != "npz" or num_images is None:
        return
    classes = set(images.labels.tolist())
    missing = sorted(classes - set(images.labels[:num_images].tolist()))
    if missing:
        name = images.info.class_names[missing[0]]
        _warn(
            f"{key}={num_images}: the first rows of {images.split}.npz lack {len(missing)} of its {len(classes)} "
            f"classes, {name!r} for one; shuffle the rows"
        )


@cache
def _warn(text: str) -> None:
    """Once in a process: jobs look at their images more than once."""
    print(f"warning: {text}", flush=True)


def content_digest(images: LabelledImages, num_images: int | None = None) -> str:
    """Sixteen hex digits of the first images and labels: a user's arrays may change under the same name."""
    digest = hashlib.sha256()
    for array in (images.images[:num_images], images.labels[:num_images]):
        digest.update(f"{array.dtype.str}{array.shape}".encode())
        digest.update(np.ascontiguousarray(array).data)
    return digest.hexdigest()[:16]


def load_score_model(uri: str, data: DataConfig, unconditional: str = "") -> LoadedScore:
    """The score model at ``uri``, one of ours or from elsewhere (``training.any_score_model``).

    Raises UserError unless it is one, made for images such as ``data``'s.
    """
    loaded = load_score(uri, data, unconditional)
    _check_trained_on(uri, loaded.card, data)
    return loaded


def load_classifier(uri: str, data: DataConfig) -> LoadedModel:
    """The classifier at ``uri``, a model directory or a file from elsewhere (``training.any_classifier``).

    Raises UserError unless it is a classifier, made for images such as ``data``'s.
    """
    return _load_classifier(uri, local_copy(uri), data)


def _load_classifier(uri: str, path: Path, data: DataConfig) -> LoadedModel:
    """The classifier of ``uri`` from its copy at ``path``: from a bucket every copy is fetched anew."""
    info = datasets.dataset_info(data.name, data.root)
    if path.is_file():
        return any_classifier.load_classifier(path, info.image_shape, info.num_classes)
    loaded = load_model(path)
    architecture: dict[str, Any] = loaded.card["architecture"]
    expected = {"image_shape": list(info.image_shape), "num_classes": info.num_classes}
    found = {"image_shape": list(architecture["image_shape"]), "num_classes": architecture["num_classes"]}
    kinds = (*CLASSIFIERS, ONE_VS_REST)
    if loaded.card["kind"] not in kinds:
        wanted = f"classifier ({', '.join(kinds)})"
        raise UserError(f"{uri}: holds a {loaded.card['kind']}, expected a {wanted}; give another model directory")
    if found != expected:
        raise UserError(
            f"{uri}: made for {found}, {data.name} has {expected}; give a model of this data set, or another data.name"
        )
    _check_trained_on(uri, loaded.card, data)
    return loaded


def load_any_model(uri: str, data: DataConfig) -> LoadedModel:
    """A model whose logits may be raised: a classifier as ``load_classifier`` has it, or a model of binary AT.

    Raises UserError unless it is one, made for images such as ``data``'s.
    """
    path = local_copy(uri)
    if path.is_file() or not is_binary(read_card(path)):
        return _load_classifier(uri, path, data)
    loaded = load_model(path)
    shape, found = datasets.dataset_info(data.name, data.root).image_shape, loaded.card["architecture"]["image_shape"]
    if tuple(found) != shape:
        raise UserError(
            f"{uri}: made for images {tuple(found)}, {data.name} has {shape}; give a model of this data set, or "
            "another data.name"
        )
    _check_trained_on(uri, loaded.card, data)
    return loaded


def is_binary(card: dict[str, Any]) -> bool:
    """Whether a model's card is one of binary AT: one logit."""
    return card["kind"] in CLASSIFIERS and card["architecture"].get("num_classes") == 1


def _check_trained_on(uri: str, card: dict[str, Any], data: DataConfig) -> None:
    trained_on = card.get("data", {}).get("name", data.name)
    if trained_on != data.name:
        raise UserError(f"{uri}: trained on {trained_on}, but data.name is {data.name}; give a model of this data set")


def open_counterfactuals(uri: str, data: DataConfig) -> ResultSet:
    """A finished set of counterfactuals of ``data``; raises UserError for anything else."""
    result_set = ResultSet.open(uri)
    if result_set.kind != "counterfactuals":
        raise UserError(f"{uri}: holds {result_set.kind}, expected counterfactuals; give another result set")
    made_from = result_set.plan["config"]["data"]["name"]
    if made_from != data.name:
        raise UserError(f"{uri}: made from {made_from}, but data.name is {data.name}; give a set of this data set")
    return result_set


def open_counterfactuals_of_images(uri: str, data: DataConfig) -> ResultSet:
    """The same, whose ``source_index`` is a place in a split of ``data``; raises UserError for one of another set's."""
    result_set = open_counterfactuals(uri, data)
    if "sources" in result_set.plan["inputs"]:
        raise UserError(f"{uri}: made of counterfactuals; give a set made of images")
    return result_set


def rows_of_images(result_set: ResultSet, columns: list[str], image_ids: list[str]) -> pd.DataFrame:
    """Some columns of all rows of some images, ``image_id`` among them; one shard in memory at a time."""
    wanted = pa.array(image_ids)
    parts = [table.filter(pc.is_in(table["image_id"], value_set=wanted)) for table in result_set.tables(columns)]
    found: pd.DataFrame = pa.concat_tables(parts).to_pandas()
    return found


def open_energies(uri: str) -> ResultSet:
    """A finished set of energies; raises UserError for anything else."""
    result_set = ResultSet.open(uri)
    if result_set.kind != "energies":
        raise UserError(f"{uri}: holds {result_set.kind}, expected energies; give the output of score_energies")
    return result_set


def check_scored(energies: ResultSet, kind: str, name: str, digest: str) -> None:
    """Raise UserError unless the energies are of this very one; ``kind``: ``classifiers`` or ``counterfactuals``."""
    scored = energies.plan["inputs"].get(kind, {})
    if name not in scored:
        known = ", ".join(scored) or "none"
        raise UserError(f"{energies.uri}: {kind} {name!r} was not scored, only {known}; score it first")
    if scored[name] != digest:
        raise UserError(
            f"{energies.uri}: {kind} {name!r} was scored as {scored[name][:12]} but is {digest[:12]} now; "
            "score the energies again into another output"
        )


def set_name(result_set: ResultSet) -> str:
    """What the energies call a set of counterfactuals: its directory's name."""
    return unique_names((result_set.uri,), "counterfactuals", depth=0)[0]


def unique_names(uris: tuple[str, ...], what: str, depth: int) -> list[str]:
    """The name of each: its directory's, ``depth`` levels up, or of a model in a file the file's, without its ending.

    Raises UserError where two have the same.
    """
    names = [_name(uri, depth) for uri in uris]
    for name in names:
        if names.count(name) > 1:
            raise UserError(f"{what}: two are called {name!r} in {list(uris)}; rename one")
    return names


def _name(uri: str, depth: int) -> str:
    parts = uri.rstrip("/").split("/")
    stem, _, ending = parts[-1].rpartition(".")
    if depth and stem and ending[:1].isalpha():  # weights.pt2; the directory eps-0.5 has no ending
        return stem
    return parts[-1 - depth] if len(parts) > depth else uri
