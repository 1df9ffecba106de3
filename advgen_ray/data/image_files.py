"""Images without labels, from wherever they lie: a folder of pictures, Parquet files of them, or a NumPy array."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from PIL import Image

from advgen_ray.data.folders import SUFFIXES, hidden
from advgen_ray.data.pictures import decoded, in_eight_bits, opened
from advgen_ray.data.user_arrays import read_images
from advgen_ray.errors import UserError

COLUMN = "image"
ROWS_AT_ONCE = 1000
CHOICE_SEED = 0

Choose = Callable[[int], np.ndarray]
"""Which places, rising, of so many images."""


def read_image_files(path: Path, image_shape: tuple[int, int, int], choose: Choose = np.arange) -> np.ndarray:
    """Images at ``path``, uint8 ``[N, *image_shape]``: cropped to a square about the centre, and resized.

    Those that ``choose`` names of all in the order of their names (rows); no other is decoded. Raises UserError for a
    path without images and for one that cannot be decoded.
    """
    if not path.exists():
        raise UserError(f"{path}: not found; give a folder of PNG or JPEG files, Parquet files, or an .npz")
    if path.suffix == ".npz":
        images = read_images(path)
        return resized(images[choose(len(images))], image_shape)
    files = sorted(file for file in path.rglob("*") if not hidden(file, path))
    parquet = [path] if path.is_file() else [file for file in files if file.suffix == ".parquet"]
    files = [] if parquet else [file for file in files if file.suffix.lower() in SUFFIXES]
    num_images = sum(map(_num_rows, parquet)) if parquet else len(files)
    if not num_images:
        raise UserError(f"{path}: no PNG, JPEG or Parquet file in it")
    places = choose(num_images)
    sources = _rows(parquet, places) if parquet else ((str(files[place]), files[place]) for place in places)
    return decoded(sources, len(places), partial(_decoded, image_shape=image_shape), image_shape)


def some(num_images: int | None, count: int) -> np.ndarray:
    """Rising places of ``num_images`` of ``count``, or of all; the same whoever asks, and among those of a larger one.

    Raises UserError where there are fewer.
    """
    if num_images is None:
        return np.arange(count)
    if num_images > count:
        raise UserError(f"num_images={num_images}: there are {count} to choose from; lower it")
    return np.sort(np.random.default_rng(CHOICE_SEED).permutation(count)[:num_images])


def resized(images: np.ndarray, image_shape: tuple[int, int, int]) -> np.ndarray:
    """Images ``[N, C, H, W]``, uint8 or floats in [0, 1], as uint8 ``[N, *image_shape]``."""
    if images.dtype != np.uint8:
        images = (images * 255).round().astype(np.uint8)
    if images.shape[1:] == image_shape:
        return images
    pictures = (Image.fromarray(image[0] if len(image) == 1 else image.transpose(1, 2, 0)) for image in images)
    return np.stack([_fitted(picture, image_shape) for picture in pictures])


Source = tuple[str, Path | bytes | None]
"""What a message calls it, and its file's path or its bytes; None where a row has no picture."""


@contextmanager
def _parquet(path: Path) -> Iterator[pq.ParquetFile]:
    try:
        with pq.ParquetFile(path) as file:
            if COLUMN not in file.schema_arrow.names:
                raise UserError(f"{path}: columns {', '.join(file.schema_arrow.names)}; expected one named {COLUMN}")
            yield file
    except (pa.ArrowException, OSError) as error:
        raise UserError(f"{path}: no whole Parquet file ({str(error).splitlines()[0]})") from None


def _num_rows(path: Path) -> int:
    with _parquet(path) as file:
        return int(file.metadata.num_rows)


def _rows(paths: list[Path], places: np.ndarray) -> Iterator[Source]:
    wanted, before = set(places.tolist()), 0
    for path in paths:
        with _parquet(path) as file:
            row = 0
            for batch in file.iter_batches(ROWS_AT_ONCE, columns=[COLUMN]):
                for value in batch.column(COLUMN):
                    if before + row in wanted:
                        picture = value.as_py()
                        yield f"{path} row {row}", picture.get("bytes") if isinstance(picture, dict) else picture
                    row += 1
        before += row


def _decoded(source: Source, image_shape: tuple[int, int, int]) -> np.ndarray:
    name, content = source
    with opened(content, name) as picture:
        return _fitted(in_eight_bits(picture, name), image_shape)


def _fitted(picture: Image.Image, image_shape: tuple[int, int, int]) -> np.ndarray:
    """``[C, H, W]`` from the middle of a picture of eight bits."""
    channels, height, width = image_shape
    picture = picture.convert("L" if channels == 1 else "RGB")
    scale = min(picture.width / width, picture.height / height)
    box_width, box_height = scale * width, scale * height
    left, top = (picture.width - box_width) / 2, (picture.height - box_height) / 2
    box = (left, top, left + box_width, top + box_height)
    pixels = np.asarray(picture.resize((width, height), Image.Resampling.BILINEAR, box=box, reducing_gap=None))
    return pixels[None] if channels == 1 else pixels.transpose(2, 0, 1)
