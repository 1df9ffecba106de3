"""A user's picture, decoded to eight bits a channel: what every reader of files does, and refuses, in the same way."""

import io
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from PIL import Image

from advgen_ray.errors import UserError

SIXTEEN_BITS = {"I;16", "I;16B", "I;16L", "I;16N"}  # Pillow's modes, by the order of their bytes
GRAY = {"1", "L", "LA"} | SIXTEEN_BITS  # those of one channel
NO_RANGE = {"I": "32-bit integers", "F": "floating-point numbers"}  # what is white in them, no file says


@contextmanager
def opened(content: Path | bytes, name: str) -> Iterator[Image.Image]:
    """The picture of a file or of its bytes; raises UserError, naming it, where it is cut short or none at all."""
    try:
        with Image.open(content if isinstance(content, Path) else io.BytesIO(content)) as picture:
            yield picture
    except (OSError, Image.DecompressionBombError, TypeError):
        raise UserError(f"{name}: no whole PNG or JPEG image") from None


def in_eight_bits(picture: Image.Image, name: str) -> Image.Image:
    """The picture, 16 bits a channel scaled to 8; raises UserError, naming it, for numbers whose range is not known.

    To be asked before Pillow's ``convert``, which makes all above 255 white.
    """
    if picture.mode in NO_RANGE:
        raise UserError(
            f"{name}: its pixels are {NO_RANGE[picture.mode]} (mode {picture.mode}), expected 8 or 16 bits a channel; "
            "save it so"
        )
    if picture.mode in SIXTEEN_BITS:
        return Image.fromarray(np.rint(np.asarray(picture) * (255 / 65535)).astype(np.uint8))
    return picture
