"""Images without labels, from wherever they lie: a folder of pictures, Parquet files of them, or a NumPy array."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from PIL import Image

from advgen_ray.data.folders import SUFFIXES
from advgen_ray.data.pictures import in_eight_bits, opened
from advgen_ray.data.user_arrays import read_images
from advgen_ray.errors import UserError

COLUMN = "image"
ROWS_AT_ONCE = 1000


def read_image_files(path: Path, image_shape: tuple[int, int, int]) -> np.ndarray:
    """All images at ``path``, uint8 ``[N, *image_shape]``: cropped to a square about the centre, and resized.

    In the order of their names (rows). Raises UserError for a path without images and for one that cannot be decoded.
    """
    if path.suffix == ".npz":
        return resized(read_images(path), image_shape)
    if not path.exists():
        raise UserError(f"{path}: not found; give a folder of PNG or JPEG files, Parquet files, or an .npz")
    parquet = [path] if path.is_file() else sorted(path.rglob("*.parquet"))
    sources = _rows(parquet) if parquet else _files(path)
    decode = partial(_decoded, image_shape=image_shape)
    with ThreadPoolExecutor() as pool:  # the decoder runs outside Python's lock
        images = list(pool.map(decode, sources))
    if not images:
        raise UserError(f"{path}: no PNG, JPEG or Parquet file in it")
    return np.stack(images)


def resized(images: np.ndarray, image_shape: tuple[int, int, int]) -> np.ndarray:
    """Images ``[N, C, H, W]``, uint8 or floats in [0, 1], as uint8 ``[N, *image_shape]``."""
    if images.dtype != np.uint8:
        images = (images * 255).round().astype(np.uint8)
    if images.shape[1:] == image_shape:
        return images
    pictures = (Image.fromarray(image[0] if len(image) == 1 else image.transpose(1, 2, 0)) for image in images)
    return np.stack([_fitted(picture, image_shape) for picture in pictures])


Source = tuple[str, Path | bytes]
"""What a message calls it, and its file's path or its bytes."""


def _files(folder: Path) -> Iterator[Source]:
    for path in sorted(folder.rglob("*")):
        if path.suffix.lower() in SUFFIXES:
            yield str(path), path


def _rows(paths: list[Path]) -> Iterator[Source]:
    for path in paths:
        try:
            file = pq.ParquetFile(path)
            if COLUMN not in file.schema_arrow.names:
                raise UserError(f"{path}: columns {', '.join(file.schema_arrow.names)}; expected one named {COLUMN}")
            for number, batch in enumerate(file.iter_batches(ROWS_AT_ONCE, columns=[COLUMN])):
                for row, value in enumerate(batch.column(COLUMN).to_pylist()):
                    content = value["bytes"] if isinstance(value, dict) else value
                    yield f"{path} row {number * ROWS_AT_ONCE + row}", content
        except (pa.ArrowException, OSError) as error:
            raise UserError(f"{path}: no whole Parquet file ({str(error).splitlines()[0]})") from None


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
