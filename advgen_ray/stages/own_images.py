"""Which images a job's work is of, where they are a user's own: those may change under the same name."""

import hashlib
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path

from advgen_ray.config import Config, DataConfig
from advgen_ray.config.image_sources import ImageFilesConfig
from advgen_ray.data.folders import hidden

Stamps = tuple[tuple[str, int, int], ...]


def own_digest(config: Config) -> str:
    """Of all files of images to train on that a config names, data or p0 or outliers; "" of published sets alone.

    By their bytes: nothing is decoded.
    """
    found = [(kind, place, stamps) for kind, place in _places(config) if (stamps := _stamps(Path(place)))]
    if not found:
        return ""
    told = " ".join(f"{kind}={_digest(place, stamps)}" for kind, place, stamps in found)
    return hashlib.sha256(told.encode()).hexdigest()[:16]


def _places(config: Config) -> Iterator[tuple[str, str]]:
    if isinstance(config, DataConfig):
        if config.name in ("npz", "folder"):
            yield config.name, str(Path(config.root, "train.npz" if config.name == "npz" else "train"))
        return
    if isinstance(config, ImageFilesConfig):
        yield config.kind, config.path
    for name in type(config).model_fields:
        value = getattr(config, name)
        for part in value if isinstance(value, tuple) else (value,):
            if isinstance(part, Config):
                yield from _places(part)


def _stamps(place: Path) -> Stamps:
    """The files there, sorted, with sizes and times; none where there is nothing, which whoever reads them will say."""
    inside = sorted(file for file in place.rglob("*") if file.is_file() and not hidden(file, place))
    files = [place] if place.is_file() else inside
    return tuple((str(file), file.stat().st_size, file.stat().st_mtime_ns) for file in files)


@lru_cache(maxsize=64)
def _digest(place: str, stamps: Stamps) -> str:
    """Once for all trainings of a study: many pictures take a while to read."""
    whole = hashlib.sha256()
    for name, _, _ in stamps:
        with open(name, "rb") as file:
            whole.update(f"{Path(name).relative_to(place)} {hashlib.file_digest(file, 'sha256').hexdigest()}".encode())
    return whole.hexdigest()
