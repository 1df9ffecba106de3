"""Whether a finished result set keeps its promises: descriptions, files, digests, rows, every key once."""

from collections import Counter
from collections.abc import Callable, Iterator
from itertools import islice
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from advgen_ray.errors import UserError
from advgen_ray.storage.descriptions import identity_of
from advgen_ray.storage.filesystem import join, list_names
from advgen_ray.storage.result_set import SHARDS, ResultSet
from advgen_ray.storage.row_checks import row_problems
from advgen_ray.storage.shards import DamagedShardError, shard_name

ShardCheck = Callable[[int, pa.Table], Iterator[str]]
"""``shard index, its rows -> what is wrong with them``, beyond what the set says of itself."""

SHOWN_PROBLEMS = 5


def validate(uri: str, check: ShardCheck = lambda index, table: iter(())) -> dict[str, Any]:
    """Read every row of a finished set, one shard in memory at a time; returns what was counted.

    Raises UserError naming what is broken and where: the first problem of the descriptions and of each shard.
    """
    result_set = ResultSet.open(uri)
    manifest = result_set.manifest
    problem = next(_description_problems(result_set, manifest), None)
    if problem:
        raise UserError(f"{uri}: {problem}; remove the set and rerun the command that made it")
    problems = list(_problems(result_set, manifest["shards"], check))
    if problems:
        more = f" and {len(problems) - SHOWN_PROBLEMS} more" if len(problems) > SHOWN_PROBLEMS else ""
        raise UserError(
            f"{uri}: {'; '.join(problems[:SHOWN_PROBLEMS])}{more}; delete the files named and rerun the command that "
            "made the set"
        )
    return {
        "kind": result_set.kind,
        "rows": manifest["num_rows"],
        "shards": result_set.num_shards,
        "identity": result_set.identity,
    }


def _description_problems(result_set: ResultSet, manifest: dict[str, Any]) -> Iterator[str]:
    """What is wrong with the plan, with the manifest, and between them."""
    plan = result_set.plan
    if identity_of(plan["kind"], plan["config"], plan["inputs"]) != result_set.identity:
        yield "plan.json: its identity is not the digest of its config and inputs"
    for key, value in plan.items():
        if manifest.get(key) != value:
            yield f"manifest.json: its {key} is not the plan's"
    names = [shard["name"] for shard in manifest.get("shards", [])]
    if names != [shard_name(index) for index in range(result_set.num_shards)]:
        yield "manifest.json: its shards are not those of the plan"
        return
    counted = sum(shard["num_rows"] for shard in manifest["shards"])
    if counted != manifest["num_rows"]:
        yield f"manifest.json: its shards have {counted} rows, it says {manifest['num_rows']}"


def _problems(result_set: ResultSet, shards: list[dict[str, Any]], check: ShardCheck) -> Iterator[str]:
    """What is wrong with the files: a stranger's, the first problem of each shard, keys that occur again."""
    for name in list_names(join(result_set.uri, SHARDS)):
        if name not in {shard["name"] for shard in shards}:
            yield f"{name}: no shard of this set"
    hashes = []  # eight bytes a row; the keys themselves would take twenty times that
    for index, shard in enumerate(shards):
        try:
            table = result_set.read_shard(index, shard["sha256"])
        except DamagedShardError as damage:
            yield f"{shard['name']}: {damage.reason}"
            hashes.append(np.empty(0, dtype=np.uint64))
            continue
        for problem in islice(_shard_problems(index, table, shard, result_set, check), 1):
            yield f"{shard['name']}: {problem}"
        hashes.append(pd.util.hash_array(table["item_id"].to_numpy()))
    yield from _repeated_keys(result_set, shards, hashes)


def _shard_problems(
    index: int, table: pa.Table, shard: dict[str, Any], result_set: ResultSet, check: ShardCheck
) -> Iterator[str]:
    if table.num_rows != shard["num_rows"]:
        yield f"{table.num_rows} rows, the manifest says {shard['num_rows']}"
    yield from row_problems(table, result_set.plan, result_set.image_shape)
    yield from check(index, table)


def _repeated_keys(result_set: ResultSet, shards: list[dict[str, Any]], hashes: list[np.ndarray]) -> Iterator[str]:
    """Keys that occur more than once; equal hashes are looked up, as two keys may share one."""
    values, counts = np.unique(np.concatenate(hashes), return_counts=True)
    suspects = values[counts > 1]
    seen: Counter[str] = Counter()
    last_in: dict[str, str] = {}
    for index, of_shard in enumerate(hashes):
        places = np.flatnonzero(np.isin(of_shard, suspects))
        if places.size:
            keys = result_set.read_shard(index, shards[index]["sha256"], ["item_id"])["item_id"].take(places)
            seen.update(keys.to_pylist())
            last_in |= dict.fromkeys(keys.to_pylist(), shards[index]["name"])
    repeated = [key for key, count in seen.items() if count > 1]
    if repeated:
        yield f"{last_in[repeated[0]]}: {len(repeated)} keys occur more than once, such as {repeated[0]!r}"
