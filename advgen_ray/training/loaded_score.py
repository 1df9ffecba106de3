"""A score model once it is loaded, whatever it was stored as."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from advgen_ray.diffusion import ScoreFn
from advgen_ray.diffusion.vp_sde import VPSDE


@dataclass(frozen=True)
class LoadedScore:
    """The score of ``2 * image - 1`` under ``sde``, what the model is, and the SHA-256 of all that decides it.

    ``score_fn`` takes the labels 0 to ``null_label - 1`` where ``has_classes``, and the null label where ``has_null``.
    """

    score_fn: ScoreFn
    sde: VPSDE
    null_label: int
    has_classes: bool
    has_null: bool
    card: dict[str, Any]
    digest: str


def digest_of(directory: Path, files: Sequence[Path]) -> str:
    """64 hex digits of files' names in a directory and of what they hold."""
    digest = hashlib.sha256()
    for path in sorted(files):
        with path.open("rb") as file:
            content = hashlib.file_digest(file, "sha256").hexdigest()
        digest.update(f"{path.relative_to(directory).as_posix()} {content}\n".encode())
    return digest.hexdigest()
