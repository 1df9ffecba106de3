"""The map shape: the missing shards of result sets, over an autoscaling pool of Ray Data actors."""

import logging
import os
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from itertools import compress
from typing import Any
from uuid import uuid4

import numpy as np
import ray
import torch

from advgen_ray.config import PoolConfig
from advgen_ray.distributed import metrics
from advgen_ray.distributed.actors import Map, RowMaker, ShardActor
from advgen_ray.distributed.cluster import connect, is_local
from advgen_ray.distributed.failures import Failed
from advgen_ray.distributed.map_seconds import MapSeconds
from advgen_ray.distributed.progress import Progress
from advgen_ray.distributed.resources import check_fits, per_actor
from advgen_ray.errors import AwayError, IncompleteError, UserError
from advgen_ray.storage import ResultSet
from advgen_ray.storage.filesystem import join
from advgen_ray.storage.result_set import FAILURES

MANY_SHARDS = 4  # an actor
HOPELESS = 2  # so many shards given up, before any is made, and none will be

_came_to: ContextVar[Callable[[float], None] | None] = ContextVar("came_to", default=None)


@contextmanager
def mapped_here(came_to: Callable[[float], None]) -> Iterator[None]:
    """Inside, maps are made in this process, which is as one actor: pools would start and end with every trial.

    After each shard ``came_to`` is told which share of the shards of its map is there.
    """
    token = _came_to.set(came_to)
    try:
        yield
    finally:
        _came_to.reset(token)


def run_map(
    name: str,
    result_set: ResultSet,
    load: Callable[[torch.device], RowMaker],
    pool: PoolConfig,
    note: Callable[[], str] | None = None,
) -> None:
    """Compute what is missing of one set and commit it; see ``run_maps``."""
    run_maps(name, [Map(result_set, load)], pool, note)


def run_maps(name: str, maps: Sequence[Map], pool: PoolConfig, note: Callable[[], str] | None = None) -> None:
    """Compute what is missing of several sets in one pool of actors, which takes seconds to start, and commit each.

    Where all are finished that is said, and no cluster is started.
    Rows go from the actors straight to storage: through the driver pass shard numbers and counts only, so its
    memory is flat. ``note`` adds to the progress lines. Raises UserError for a mistake that an actor found,
    RuntimeError with its traceback for a defect, both at once; IncompleteError, when all else is stored, where some
    rows could not be made, or a shard was given up: their set is not committed. Where shards are given up and nothing
    is made, it comes before the rest is tried.
    """
    finished = [one.result_set.finished() for one in maps]
    for one in compress(maps, finished):
        one.result_set.tidy()
    if all(finished):
        print(f"{name}: {_label(maps)} is complete, nothing to compute", flush=True)
        return
    failed = Failed()
    missing = [(which, index) for which, one in enumerate(maps) for index in one.result_set.missing()]
    num_shards = sum(one.result_set.num_shards for one in maps)
    left = Counter(which for which, _ in missing)
    label, came_to, seconds = _label(maps), _came_to.get(), MapSeconds(pool.max_actors)
    with Progress(name, num_shards, num_shards - len(missing), note, label) as progress:
        for which, one in enumerate(maps):
            if not left[which] and not finished[which]:
                one.result_set.commit(None)  # by a job that was killed before it could say how long they took
        if missing:
            if not came_to:
                connect()
            progress.show()
            for report in (_reports_here if came_to else _reports)(name, label, maps, pool, missing):
                _raise_error(name, report)
                retries = max(0, int(report["attempt"]) - 1)
                if report["reason"]:
                    failed.add(report)
                    progress.fail(int(report["num_failed"]), retries)
                    if failed.given_up == HOPELESS and progress.shards_done == progress.shards_before:
                        break
                    continue
                progress.add(int(report["num_rows"]), retries)
                seconds.add(report)
                which = int(report["map"])
                left[which] -= 1
                if not left[which]:
                    made = maps[which].result_set
                    made.commit(seconds.of(which, made.num_shards))
                if came_to:
                    came_to(progress.shards_done / num_shards)
    if failed.num_shards:
        places = [join(one.result_set.uri, FAILURES) for which, one in enumerate(maps) if left[which]]
        raise IncompleteError(
            f"{name}: {failed.told(num_shards)}; what is made is stored, and the same command tries the other shards "
            f"again; reasons by row: {', '.join(places)}"
        )


def _label(maps: Sequence[Map]) -> str:
    """What metrics call the output of all the sets."""
    more = f" and {len(maps) - 1} more" if len(maps) > 1 else ""
    return metrics.place(maps[0].result_set.uri) + more if maps else ""


def _reports(
    name: str, label: str, maps: Sequence[Map], pool: PoolConfig, missing: list[tuple[int, int]]
) -> Iterator[dict[str, Any]]:
    """What the actors say of each shard, as they finish."""
    _set_up_ray_data()
    available = ray.cluster_resources()
    asked = per_actor(pool, available)
    if is_local():  # it cannot grow, and the job would wait for ever
        check_fits("pool.min_actors", pool.min_actors, asked, available)
    # One block a shard: the unit that Ray hands out, retries after a lost actor, and reports.
    items = [{"map": which, "shard": index} for which, index in missing]
    shards = ray.data.from_items(items, override_num_blocks=len(items))
    reports = shards.map_batches(
        ShardActor,
        fn_constructor_args=(list(maps), pool.cpus_per_actor, uuid4().hex),
        fn_constructor_kwargs={"directory": os.getcwd(), "work": name, "output": label},
        batch_size=1,
        compute=ray.data.ActorPoolStrategy(
            min_size=min(pool.min_actors, len(missing)),
            max_size=min(pool.max_actors, len(missing)),
            max_tasks_in_flight_per_actor=_at_hand(len(missing), pool.max_actors),
        ),
        num_cpus=pool.cpus_per_actor,
        num_gpus=asked.get("GPU", 0.0),
    )
    told = False
    for report in reports.iter_rows():
        if report["fallback"] and not told:
            print(f"{name}: a GPU is held and torch cannot use it there, it computes on the CPU", flush=True)
            told = True
        yield report


def _reports_here(
    name: str, label: str, maps: Sequence[Map], pool: PoolConfig, missing: list[tuple[int, int]]
) -> Iterator[dict[str, Any]]:
    """The same from this process."""
    actor = ShardActor(maps, pool.cpus_per_actor, uuid4().hex, work=name, output=label)
    try:
        for which, index in missing:
            reports = actor({"map": np.array([which]), "shard": np.array([index])})
            yield {key: value[0] for key, value in reports.items()}
    finally:
        metrics.show("actors", 0)


def _at_hand(num_shards: int, max_actors: int) -> int:
    """Shards that an actor holds: the one it makes and, where there are many, the next.

    Ray Data notices what has ended when all its actors have, or a tenth of a second has passed, and twice a shard. With
    few shards one that lies with a busy actor would be missed by an idle one.
    """
    return 2 if num_shards >= MANY_SHARDS * max_actors else 1


def _raise_error(name: str, report: dict[str, Any]) -> None:
    if report["mistake"]:
        raise (AwayError if report["away"] else UserError)(report["mistake"])
    if report["defect"]:
        raise RuntimeError(f"{name}: shard {report['shard']} failed in an actor:\n{report['defect']}")


def _set_up_ray_data() -> None:
    """Our progress lines replace Ray Data's bars and notices, its warnings stay; a pool whose actors are busy grows."""
    context = ray.data.DataContext.get_current()
    context.enable_progress_bars = False
    # Ray asks for a queue at every busy actor before it adds another, and here not each has one.
    context.autoscaling_config.actor_pool_util_upscaling_threshold = 1.0
    logging.getLogger("ray.data").setLevel(logging.WARNING)
    logging.getLogger("ray.data._internal.progress").setLevel(logging.ERROR)
