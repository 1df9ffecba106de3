"""Rows as a kind of result set has them, from the columns that a row maker computed."""

from collections.abc import Mapping
from typing import Any

import pyarrow as pa


def typed_table(schema: pa.Schema, columns: Mapping[str, Any], **same: Any) -> pa.Table:
    """``columns`` by name, each cast to the type of its field; ``same`` holds for every row: what made it, and more."""
    size = len(columns["item_id"])
    whole = {name: [value] * size for name, value in same.items()} | dict(columns)
    return pa.table([pa.array(whole[field.name]).cast(field.type) for field in schema], schema=schema)
