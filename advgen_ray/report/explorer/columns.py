"""Columns of numbers for the page, bit for bit, as JavaScript's typed arrays."""

import base64

import numpy as np

TYPED_ARRAYS = {"<i2": "Int16Array", "<u4": "Uint32Array", "<f4": "Float32Array"}


def encode(column: np.ndarray) -> dict[str, str]:
    """A column of any shape, row-major: the name of its typed array, and its bytes in base64.

    Raises ValueError for a type that has no typed array here.
    """
    little_endian = column.dtype.newbyteorder("<").str
    if little_endian not in TYPED_ARRAYS:
        raise ValueError(f"a column of {column.dtype}: expected one of {', '.join(TYPED_ARRAYS)}")
    data = np.ascontiguousarray(column, dtype=little_endian).tobytes()
    return {"type": TYPED_ARRAYS[little_endian], "data": base64.b64encode(data).decode()}
