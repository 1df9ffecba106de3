"""A user's picture, decoded to eight bits a channel: what every reader of files does, and refuses, in the same way."""

import io
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import TypeVar

import numpy as np
from PIL import Image

from advgen_ray.errors import UserError

SIXTEEN_BITS = {"I;16", "I;16B", "I;16L", "I;16N"}  # Pillow's modes, by the order of their bytes
GRAY = {"1", "L", "LA"} | SIXTEEN_BITS  # those of one channel
# What Pillow raises for damage, by where it is: SyntaxError and ValueError for a PNG's chunks, TypeError for no bytes.
DAMAGED = (OSError, SyntaxError, ValueError, TypeError, Image.DecompressionBombError)
AT_ONCE = 1000  # encoded pictures in memory
NO_RANGE = {"I": "32-bit integers", "F": "floating-point numbers"}  # what is white in them, no file says


Source = TypeVar("Source")


def decoded(
    sources: Iterable[Source], count: int, read: Callable[[Source], np.ndarray], image_shape: Sequence[int]
) -> np.ndarray:
    """``count`` pictures, uint8 ``[count, *image_shape]``, each read into its place: never all of them twice in memory.

    On as many threads as there are processors: the decoder runs outside Python's lock.
    """
    images = np.empty((count, *image_shape), dtype=np.uint8)
    waiting, places = iter(sources), iter(range(count))
    with ThreadPoolExecutor() as pool:
        while part := list(islice(waiting, AT_ONCE)):
            for picture in pool.map(read, part):
                images[next(places)] = picture
    return images


@contextmanager
def opened(content: Path | bytes | None, name: str, cure: str = "write it again") -> Iterator[Image.Image]:
    """The picture of a file or of its bytes; raises UserError, naming it, where it is missing, damaged or none at all.

    Pixels are decoded when they are first asked for, so damage is met within the ``with``.
    """
    try:
        with Image.open(content if isinstance(content, Path) else io.BytesIO(content or b"")) as picture:
            yield picture
    except UserError:
        raise
    except DAMAGED:
        raise UserError(f"{name}: no whole PNG or JPEG image; {cure}") from None


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
