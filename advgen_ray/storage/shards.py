"""One shard of a result set as bytes: lossless, self-describing, and the same bytes for the same rows."""

import io
import json
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.parquet as pq

from advgen_ray.errors import UserError
from advgen_ray.storage.schemas import SCHEMAS, ImageShape


@dataclass(frozen=True)
class ShardHeader:
    """What every shard says of itself, so that a file that strayed into another set is noticed."""

    kind: str
    identity: str
    image_shape: ImageShape | None

    def metadata(self) -> dict[bytes, bytes]:
        """As Parquet key-value metadata."""
        return {
            b"kind": self.kind.encode(),
            b"identity": self.identity.encode(),
            b"image_shape": json.dumps(self.image_shape).encode(),
        }


class DamagedShardError(UserError):
    """A file that is not the shard it should be, and why."""

    def __init__(self, where: str, reason: str) -> None:
        super().__init__(f"{where}: damaged shard ({reason}); delete this file and rerun the command that made the set")
        self.reason = reason


def shard_name(index: int) -> str:
    """The file name of a shard."""
    return f"shard-{index:05d}.parquet"


def encode(table: pa.Table, header: ShardHeader) -> bytes:
    """The Parquet file of ``table``; raises ValueError unless it has exactly the columns of its kind, none null."""
    schema = SCHEMAS[header.kind]
    if table.column_names != schema.names:
        odd = sorted(set(table.column_names) ^ set(schema.names)) or "another order of columns"
        raise ValueError(f"rows do not fit the kind {header.kind!r}: {odd}")
    for name in schema.names:
        if table[name].null_count:
            raise ValueError(f"column {name!r} has {table[name].null_count} empty values of {table.num_rows}")
    buffer = io.BytesIO()
    pq.write_table(
        table.cast(schema).combine_chunks().replace_schema_metadata(header.metadata()),
        buffer,
        compression="zstd",
        use_dictionary=[name for name in schema.names if pa.types.is_string(schema.field(name).type)],
        write_statistics=False,
    )
    return buffer.getvalue()


def decode(data: bytes, header: ShardHeader, where: str, columns: list[str] | None = None) -> pa.Table:
    """The rows of a shard file, or some of its columns; raises DamagedShardError for a corrupt file or a stranger's."""
    try:
        table = pq.read_table(pa.BufferReader(data), columns=columns)
    except (pa.ArrowException, OSError) as error:
        raise DamagedShardError(where, str(error).splitlines()[0]) from None
    stored = table.schema.metadata or {}
    for key, expected in header.metadata().items():
        if stored.get(key) != expected:
            found = stored.get(key, b"nothing").decode(errors="replace")
            raise DamagedShardError(where, f"its {key.decode()} is {found}, expected {expected.decode()}")
    return table.replace_schema_metadata(None)


def belongs(data: bytes, header: ShardHeader) -> bool:
    """Whether this is a whole shard of that set."""
    try:
        decode(data, header, "")
    except DamagedShardError:
        return False
    return True
