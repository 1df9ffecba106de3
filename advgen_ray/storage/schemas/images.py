"""Images as lossless Parquet bytes."""

import math

import numpy as np
import pyarrow as pa

ImageShape = tuple[int, int, int]


def images_to_column(images: np.ndarray) -> pa.Array:
    """Images ``[N, C, H, W]`` float32 as one binary value a row, bit for bit."""
    if images.dtype != np.float32:
        raise ValueError(f"images must be float32 to be stored losslessly, got {images.dtype}")
    rows = np.array(images, dtype="<f4", order="C").reshape(len(images), -1)  # a copy: the caller may change its own
    offsets = np.arange(len(rows) + 1, dtype=np.int64) * rows.shape[1] * rows.itemsize
    if offsets[-1] > np.iinfo(np.int32).max:
        raise ValueError(f"{len(rows)} images of {offsets[-1]} bytes; a column holds 2 GiB at most")
    buffers = [None, pa.py_buffer(offsets.astype(np.int32)), pa.py_buffer(rows)]  # no object a row
    return pa.BinaryArray.from_buffers(pa.binary(), len(rows), buffers)


def column_to_images(column: pa.ChunkedArray | pa.Array, image_shape: ImageShape) -> np.ndarray:
    """The images ``[N, C, H, W]`` float32 of a binary column; raises ValueError where a value has another size."""
    images = np.empty((len(column), *image_shape), dtype=np.float32)
    flat = images.reshape(len(column), math.prod(image_shape))  # of no image, too
    for index, value in enumerate(column):
        stored = np.frombuffer(value.as_buffer(), dtype="<f4")
        if stored.size != flat.shape[1]:
            raise ValueError(
                f"row {index} holds an image of {stored.size} values, expected {flat.shape[1]} for {image_shape}"
            )
        flat[index] = stored
    return images
