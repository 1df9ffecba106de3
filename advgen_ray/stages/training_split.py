"""Which images of the training split are trained on: all but those held out for validation and those left out."""

import hashlib
import json
from collections.abc import Sequence

import numpy as np

from advgen_ray.config import TrainClassifierConfig
from advgen_ray.data.datasets import LabelledImages
from advgen_ray.data.subsets import hold_out
from advgen_ray.errors import UserError
from advgen_ray.rng import Stream
from advgen_ray.storage.filesystem import read_bytes, write_atomic


def write_item_ids(uri: str, item_ids: Sequence[str]) -> str:
    """Store the names of images for ``exclude``, in the order given; returns the digest of the file."""
    content = json.dumps({"item_ids": list(item_ids)}).encode()
    write_atomic(uri, content)
    return _digest(content)


def with_exclude_digest(config: TrainClassifierConfig) -> TrainClassifierConfig:
    """The config with the digest of its ``exclude`` file, so that another list is another training.

    Raises UserError for a file that is missing or changed since the digest was taken.
    """
    if not config.exclude:
        if config.exclude_digest:
            raise UserError(f"exclude_digest {config.exclude_digest}: no exclude names the file")
        return config
    return config.model_copy(update={"exclude_digest": _read(config)[0]})


def split_training(images: LabelledImages, config: TrainClassifierConfig) -> tuple[LabelledImages, LabelledImages]:
    """The images to train on, and those held out, of a whole training split.

    What is held out depends on the seed alone: trainings with different exclusions are validated on the same images.
    Raises UserError where the exclusion names images that are not there, or nothing is left to train on.
    """
    num_held_out = config.num_validation_images
    if not num_held_out and not config.exclude:
        return images, images.subset(slice(0))
    rest, held_out = hold_out(len(images), num_held_out, config.seed)
    if config.exclude:
        names = np.array(images.item_ids(range(len(images))))
        excluded = _read(config)[1]
        unknown = excluded - set(names)
        if unknown:
            raise UserError(
                f"exclude {config.exclude}: {min(unknown)!r} is not in the training split of {images.name}, whose "
                f"images are called as {names[0]!r}"
            )
        rest = rest[~np.isin(names[rest], list(excluded))]
    if len(rest) == 0:
        raise UserError(f"num_validation_images {num_held_out} and exclude leave none of {len(images)} to train on")
    return images.subset(rest), images.subset(held_out)


def energy_images(images: LabelledImages, config: TrainClassifierConfig) -> LabelledImages:
    """A keyed sample of the images trained on, ``num_energy_images`` or as many as there are."""
    order = Stream(config.seed, "energy_images").permutation(len(images))
    return images.subset(np.sort(order[: config.num_energy_images]))


def _read(config: TrainClassifierConfig) -> tuple[str, set[str]]:
    """The digest and the ids of the ``exclude`` file; raises UserError unless it is the one the config means."""
    try:
        content = read_bytes(config.exclude)
        item_ids = json.loads(content)["item_ids"]
        if not isinstance(item_ids, list) or not all(isinstance(one, str) for one in item_ids):
            raise TypeError
    except OSError:
        raise UserError(f"exclude {config.exclude}: not found; give a JSON file with a list 'item_ids'") from None
    except (ValueError, TypeError, KeyError):
        raise UserError(f"exclude {config.exclude}: expected JSON with a list 'item_ids' of strings") from None
    digest = _digest(content)
    if config.exclude_digest not in ("", digest):
        raise UserError(
            f"exclude {config.exclude}: changed since this training was set up (digest {digest}, expected "
            f"{config.exclude_digest}); start it under another output"
        )
    return digest, set(item_ids)


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()[:16]
