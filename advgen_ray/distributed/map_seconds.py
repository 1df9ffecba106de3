"""How long a set takes in the pool that makes it, by what its actors say of each shard.

Sets that share a pool overlap: one that ends with another would have taken no time by the clock.
"""

from collections import Counter
from collections.abc import Mapping
from typing import Any


class MapSeconds:
    """Adds up what actors spent on each of several sets, at most ``max_actors`` of them at a time."""

    def __init__(self, max_actors: int) -> None:
        self.max_actors = max_actors
        self.spent: dict[int, float] = {}
        self.actors: dict[int, set[str]] = {}
        self.shards: Counter[int] = Counter()

    def add(self, report: Mapping[str, Any]) -> None:
        """An actor tells of a shard that it stored."""
        which = int(report["map"])
        self.spent[which] = self.spent.get(which, 0.0) + float(report["seconds"])
        self.actors.setdefault(which, set()).add(str(report["actor"]))
        self.shards[which] += 1

    def of(self, which: int, num_shards: int) -> float:
        """Of a set with so many shards, some of which a job before this one may have made: what all would take here.

        More than ``max_actors`` are heard of where some were lost and others came in their place.
        """
        at_once = min(len(self.actors[which]), self.max_actors)
        return self.spent[which] / at_once * num_shards / self.shards[which]
