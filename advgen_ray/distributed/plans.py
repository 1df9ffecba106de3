"""Which rows shards of counterfactuals, energies and one-vs-rest detectors hold: by counts, so plans cost nothing."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

View = Literal["clean", "attacked", "counterfactual"]


@dataclass(frozen=True)
class CounterfactualPlan:
    """Every (source, target, replicate), source-major, in shards of ``shard_images`` rows; the last may be short."""

    num_sources: int
    num_classes: int
    replicates: int
    shard_images: int

    @property
    def num_rows(self) -> int:
        """How many counterfactuals."""
        return self.num_sources * self.num_classes * self.replicates

    @property
    def num_shards(self) -> int:
        """How many shards."""
        return -(-self.num_rows // self.shard_images)

    def rows(self, index: int) -> np.ndarray:
        """The numbers of a shard's rows, int64 ``[rows]``."""
        start = index * self.shard_images
        return np.arange(start, min(start + self.shard_images, self.num_rows))

    def keys(self, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Source indices, targets and replicates of rows, int64 ``[rows]`` each."""
        pairs, replicate = np.divmod(rows, self.replicates)
        source, target = np.divmod(pairs, self.num_classes)
        return source, target, replicate


@dataclass(frozen=True)
class ImageGroup:
    """Images that one classifier reads in one view: a part of a split, or one shard of a set of counterfactuals."""

    classifier: int  # index into the config's list
    view: View
    image_set: str  # the split, or the name of the set of counterfactuals
    start: int  # first image of a split, or the index of the shard
    stop: int
    attack: int | None = None  # index into the config's list, for the view "attacked"


@dataclass(frozen=True)
class DetectorGroup:
    """Images that one detector reads: of its class as they are, or of others under an attack."""

    detector: int  # index into the list of detectors
    attack: int | None  # index into the config's list; None for images of the class
    start: int
    stop: int


def detector_groups(
    num_own: Sequence[int], num_others: Sequence[int], num_attacks: int, shard_images: int
) -> list[DetectorGroup]:
    """By detector, its own images first, then attack by attack; so many of each detector's class and of the others."""
    groups: list[DetectorGroup] = []
    for detector, (own, others) in enumerate(zip(num_own, num_others, strict=True)):
        for attack in (None, *range(num_attacks)):
            count = own if attack is None else others
            groups += [
                DetectorGroup(detector, attack, start, min(start + shard_images, count))
                for start in range(0, count, shard_images)
            ]
    return groups


def energy_groups(
    num_classifiers: int,
    split_images: dict[str, int],
    attacked_splits: tuple[str, ...],
    num_attacks: int,
    set_shards: dict[str, int],
    shard_images: int,
) -> list[ImageGroup]:
    """The groups in the order of their shards: by classifier, then view and attack, then set, then image.

    ``split_images`` says how many images each split has, ``set_shards`` how many shards each set of counterfactuals;
    a set is read in its own shards, so no actor ever holds more of it than one.
    """
    groups: list[ImageGroup] = []
    for classifier in range(num_classifiers):
        clean = [(split, None) for split in split_images]
        attacked = [(split, attack) for attack in range(num_attacks) for split in attacked_splits]
        for split, attack in [*clean, *attacked]:
            view: View = "clean" if attack is None else "attacked"
            for start in range(0, split_images[split], shard_images):
                stop = min(start + shard_images, split_images[split])
                groups.append(ImageGroup(classifier, view, split, start, stop, attack))
        for name, shards in set_shards.items():
            groups += [ImageGroup(classifier, "counterfactual", name, index, index + 1) for index in range(shards)]
    return groups
