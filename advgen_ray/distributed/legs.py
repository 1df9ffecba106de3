"""A leg: a part of a training's way, from a state that may be another training's to where the next leg begins."""

import hashlib
import json
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from advgen_ray.distributed.train_storage import OWNER
from advgen_ray.errors import UserError
from advgen_ray.storage.filesystem import exists, join, read_bytes, write_atomic
from advgen_ray.training.checkpoint import STATE, TENSORS
from advgen_ray.training.trainee import Trainee

STATE_AT_END = "state"  # the folder under a leg's output in which it leaves its training


@dataclass(frozen=True)
class Leg:
    """The last entry's part of ``lineage``: every leg from the beginning on, as ``{"trial", "settings"}``.

    ``start`` is the output of the leg before, whoever trained it; the first has none. Settings decide what a leg
    computes, so equal lineages of one config mean equal results.
    """

    num_legs: int
    lineage: tuple[dict[str, Any], ...]
    start: str = ""

    @property
    def is_last(self) -> bool:
        """Whether it ends in a model."""
        return len(self.lineage) == self.num_legs

    def digest(self, config_digest: str) -> str:
        """What is computed by its end under a config with its settings."""
        way = json.dumps([config_digest, self.num_legs, *(one["settings"] for one in self.lineage)], sort_keys=True)
        return hashlib.sha256(way.encode()).hexdigest()[:16]

    def until(self, num_steps: int) -> int:
        """The step at which it ends."""
        return num_steps * len(self.lineage) // self.num_legs

    def card_file(self, output: str) -> str:
        """What is written last of a leg that leaves a state."""
        return join(output, STATE_AT_END, OWNER)

    def fetch(self, directory: Path) -> Path | None:
        """A local copy of the state it begins with; raises UserError where that is gone or another's."""
        if not self.start:
            return None
        place = join(self.start, STATE_AT_END)
        if not exists(join(place, OWNER)):
            raise UserError(f"{place}: not found, a trial was to go on from it; remove the search and run it again")
        if json.loads(read_bytes(join(place, OWNER)))["lineage"] != list(self.lineage[:-1]):
            raise UserError(f"{place}: is of another training than the one to go on from; run the search elsewhere")
        for name in (TENSORS, STATE):
            (directory / name).write_bytes(read_bytes(join(place, name)))
        return directory

    def store(self, trainee: Trainee, output: str, digest: str) -> None:
        """Leave the state for the legs after it, its card last."""
        with tempfile.TemporaryDirectory(prefix="advgen-leg-") as directory:
            trainee.save(Path(directory))
            for name in (TENSORS, STATE):
                write_atomic(join(output, STATE_AT_END, name), (Path(directory) / name).read_bytes())
        card = {
            "config_digest": digest,
            "lineage": list(self.lineage),
            "metrics": {},
            "history": trainee.history,
            "num_steps": trainee.step,
            "seconds": round(sum(record["seconds"] for record in trainee.history), 3),
        }
        write_atomic(self.card_file(output), json.dumps(card).encode())
