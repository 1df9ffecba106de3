"""The rows of a map job: a plan first, complete shards in any order, the manifest last."""

import hashlib
import json
import math
from collections import deque
from collections.abc import Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import pyarrow as pa
from pyarrow.fs import LocalFileSystem

from advgen_ray.errors import UserError
from advgen_ray.storage.descriptions import VERSIONED, identity_of, read_description, refuse_another, write_description
from advgen_ray.storage.filesystem import (
    ensure_writable,
    exists,
    join,
    list_names,
    read_bytes,
    remove_dead_partials,
    remove_file,
    remove_tree,
    resolve,
    write_atomic,
)
from advgen_ray.storage.schemas import ImageShape, column_to_images
from advgen_ray.storage.shards import DamagedShardError, ShardHeader, belongs, decode, encode, shard_name
from advgen_ray.versions import installed

PLAN, MANIFEST = "plan.json", "manifest.json"
SHARDS, ATTEMPTS, FAILURES = "shards", "attempts", "failures"  # the last two are gone once the set is finished
FETCHED_AHEAD = 4  # shards from a server; a disk has the next one while one is worked on, and each is memory


@dataclass(frozen=True)
class ResultSet:
    """A result set under ``uri``; workers may hold copies and write shards at the same time.

    A shard is there completely or not at all, and the same plan gives the same shards, so whoever writes one
    twice writes the same bytes. ``create`` begins or continues a set, ``open`` reads a finished one.
    """

    uri: str
    plan: dict[str, Any]

    @classmethod
    def create(
        cls,
        uri: str,
        *,
        kind: str,
        config: dict[str, Any],
        inputs: dict[str, Any],
        num_shards: int,
        image_shape: ImageShape | None = None,
    ) -> Self:
        """Begin a set, or continue the one that is there if it has the same identity.

        The identity is a digest of ``config`` (what is computed, not where) and ``inputs`` (digests of models
        and of other sets). Raises UserError if another set lies there or the place is not writable.
        """
        plan = {
            "identity": identity_of(kind, config, inputs),
            "kind": kind,
            "num_shards": num_shards,
            "image_shape": list(image_shape) if image_shape else None,
            "config": config,
            "inputs": inputs,
        }
        ensure_writable(uri)
        result_set, there = cls(uri, plan), list_names(join(uri, SHARDS))
        if exists(join(uri, PLAN)):
            refuse_another(uri, read_description(join(uri, PLAN)), plan)
        elif there and not belongs(read_bytes(join(uri, SHARDS, there[0])), result_set._header()):
            raise UserError(f"{uri}: no {PLAN}, and its shards are another set's; choose another output or remove them")
        else:
            write_description(join(uri, PLAN), plan)
        remove_dead_partials(join(uri, SHARDS))
        return result_set

    @classmethod
    def open(cls, uri: str) -> Self:
        """A finished set; raises UserError if there is none or if it is not finished."""
        if not exists(join(uri, PLAN)):
            raise UserError(f"{uri}: no result set here ({PLAN} is missing); give the output of a finished job")
        result_set = cls(uri, read_description(join(uri, PLAN)))
        if not result_set.finished():
            missing = result_set.missing()
            lacking = f", {shard_name(missing[0])} is not" if missing else ""
            raise UserError(
                f"{uri}: unfinished, {result_set.num_shards - len(missing)} of {result_set.num_shards} shards are "
                f"there{lacking}; rerun the command that made it"
            )
        return result_set

    @property
    def identity(self) -> str:
        """Sixteen hex digits: equal identities mean the same rows."""
        return str(self.plan["identity"])

    @property
    def kind(self) -> str:
        """A key of ``SCHEMAS``: which columns it has."""
        return str(self.plan["kind"])

    @property
    def num_shards(self) -> int:
        """How many shards the finished set has."""
        return int(self.plan["num_shards"])

    @property
    def image_shape(self) -> ImageShape | None:
        """``(C, H, W)`` of its images, None if it has none."""
        shape = self.plan["image_shape"]
        return (shape[0], shape[1], shape[2]) if shape else None

    @property
    def manifest(self) -> dict[str, Any]:
        """What a finished set says of itself: num_rows, shards with digests, inputs, versions, seconds."""
        return read_description(join(self.uri, MANIFEST))

    @property
    def seconds(self) -> float:
        """How long a finished set took to make; nan where all of it was there before the job that finished it."""
        told = self.manifest["seconds"]
        return math.nan if told is None else float(told)

    def shard_uri(self, index: int) -> str:
        """Where a shard lies."""
        return join(self.uri, SHARDS, shard_name(index))

    def has(self, index: int) -> bool:
        """Whether a shard is there, and hence complete."""
        return exists(self.shard_uri(index))

    def missing(self) -> list[int]:
        """Indices of the shards that are not there yet."""
        present = set(list_names(join(self.uri, SHARDS)))
        return [index for index in range(self.num_shards) if shard_name(index) not in present]

    def finished(self) -> bool:
        """Whether the manifest and every shard are there."""
        return exists(join(self.uri, MANIFEST)) and not self.missing()

    def write_shard(self, index: int, table: pa.Table) -> None:
        """Store the rows of one shard, visible only when complete; what once failed of it is forgotten."""
        assert 0 <= index < self.num_shards, f"shard {index} of {self.num_shards}"
        write_atomic(self.shard_uri(index), encode(table, self._header()))
        remove_file(self._failures_uri(index))

    def write_failures(self, index: int, reasons: Mapping[str, str]) -> None:
        """Write down, beside the set, which rows of a shard could not be made, by their keys, and why."""
        content = json.dumps({"shard": shard_name(index), "rows": dict(reasons)}, indent=1)
        write_atomic(self._failures_uri(index), content.encode())

    def begin_attempt(self, index: int, run: str) -> int:
        """Note that this run begins to make a shard; returns how many times it has, this time included."""
        number = 1 + len(list_names(where := join(self.uri, ATTEMPTS, run, str(index))))
        write_atomic(join(where, str(number)), b"")
        return number

    def commit(self, seconds: float | None) -> dict[str, Any]:
        """Check every shard and write the manifest, which makes the set finished; None: nobody knows the seconds."""
        shards = []
        for index, data in enumerate(self._fetched(self.num_shards)):
            num_rows = decode(data, self._header(), self.shard_uri(index), ["item_id"]).num_rows
            shards.append({"name": shard_name(index), "num_rows": num_rows, "sha256": hashlib.sha256(data).hexdigest()})
        manifest = {
            **self.plan,
            "num_rows": sum(int(shard["num_rows"]) for shard in shards),
            "shards": shards,
            "versions": installed(VERSIONED),
            "seconds": None if seconds is None else round(seconds, 3),
        }
        write_description(join(self.uri, MANIFEST), manifest)
        self.tidy()
        return manifest

    def tidy(self) -> None:
        """Remove what a finished set needs no more; a job may be killed just before it does."""
        for name in (ATTEMPTS, FAILURES):
            remove_tree(join(self.uri, name))

    def shard(self, index: int, columns: list[str] | None = None) -> pa.Table:
        """The rows of one shard, checked against the manifest; raises UserError naming a damaged shard."""
        return self.read_shard(index, self.manifest["shards"][index]["sha256"], columns)

    def read_shard(self, index: int, sha256: str, columns: list[str] | None = None) -> pa.Table:
        """``shard`` for who has read the manifest already; raises DamagedShardError."""
        return self._checked(index, self._shard_bytes(index), sha256, columns)

    def tables(self, columns: list[str] | None = None) -> Iterator[pa.Table]:
        """The rows shard by shard in item order, a few shards in memory at a time, each checked."""
        shards = self.manifest["shards"]
        for index, data in enumerate(self._fetched(len(shards))):
            yield self._checked(index, data, shards[index]["sha256"], columns)

    def read(self, columns: list[str] | None = None) -> pa.Table:
        """All rows, or some columns of them, in item order."""
        return pa.concat_tables(self.tables(columns))

    def images(self, column: str) -> np.ndarray:
        """The images ``[N, C, H, W]`` float32 of a binary column, in item order."""
        shape = self.image_shape
        if shape is None:
            raise ValueError(f"{self.uri}: a set of kind {self.kind!r} holds no images")
        images = np.empty((self.manifest["num_rows"], *shape), dtype=np.float32)
        start = 0
        for table in self.tables([column]):
            images[start : start + table.num_rows] = column_to_images(table[column], shape)
            start += table.num_rows
        return images

    def _failures_uri(self, index: int) -> str:
        return join(self.uri, FAILURES, shard_name(index).replace(".parquet", ".json"))

    def _header(self) -> ShardHeader:
        return ShardHeader(self.kind, self.identity, self.image_shape)

    def _checked(self, index: int, data: bytes, sha256: str, columns: list[str] | None) -> pa.Table:
        if hashlib.sha256(data).hexdigest() != sha256:
            raise DamagedShardError(self.shard_uri(index), "its sha256 is not the manifest's")
        return decode(data, self._header(), self.shard_uri(index), columns)

    def _fetched(self, count: int) -> Iterator[bytes]:
        """The first shards in turn, the next few on their way while one is worked on: S3 takes its time to answer."""
        ahead = 1 if isinstance(resolve(self.uri)[0], LocalFileSystem) else FETCHED_AHEAD
        with ThreadPoolExecutor(ahead) as pool:
            coming: deque[Future[bytes]] = deque()
            for index in range(count):
                coming.append(pool.submit(self._shard_bytes, index))
                if len(coming) > ahead:
                    yield coming.popleft().result()
            while coming:
                yield coming.popleft().result()

    def _shard_bytes(self, index: int) -> bytes:
        try:
            return read_bytes(self.shard_uri(index))
        except OSError as error:
            raise DamagedShardError(self.shard_uri(index), str(error).splitlines()[0]) from None
