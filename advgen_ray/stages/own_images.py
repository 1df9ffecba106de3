"""Which images a training is of, where they are a user's own: those may change under the same name."""

from functools import lru_cache
from pathlib import Path

from advgen_ray.config import DataConfig
from advgen_ray.data.datasets import load
from advgen_ray.stages.inputs import content_digest

OWN = ("npz", "folder")


def own_digest(data: DataConfig) -> str:
    """``content_digest`` of the training images where they are a user's own; "" of published sets, whose name says it.

    Raises UserError where they cannot be read.
    """
    if data.name not in OWN:
        return ""
    files = [file for place in Path(data.root).glob("train*") for file in (place, *place.rglob("*")) if file.is_file()]
    stamps = sorted((str(file), file.stat().st_size, file.stat().st_mtime_ns) for file in files)
    return _digest(data.name, data.root, tuple(stamps))


@lru_cache(maxsize=8)
def _digest(name: str, root: str, stamps: tuple[tuple[str, int, int], ...]) -> str:
    """Once for all trainings of a study: pictures take a while to decode. ``stamps`` are of their files as they are."""
    return content_digest(load(name, root, "train"))
