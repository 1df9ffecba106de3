"""Room that stopped trainings leave taken, given back.

Where a trial is stopped its training's controller dies, and the placement group of its workers stays: Ray Train's own
cleaner asks the dashboard's State API whether the controller lives, and a cluster started here has no dashboard. Every
such trial would take its workers' CPUs from the next ones, until none can start.
"""

import contextlib
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

LOOK_SECONDS = 2.0
PATIENCE_SECONDS = 45.0  # longer than workers take to start in room that was just reserved


@contextmanager
def removed_meanwhile(look_seconds: float = LOOK_SECONDS, patience_seconds: float = PATIENCE_SECONDS) -> Iterator[None]:
    """Inside, placement groups in which nothing has run for that long are removed."""
    ended = threading.Event()
    thread = threading.Thread(target=_watch, args=(ended, look_seconds, patience_seconds), daemon=True, name="orphans")
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


def _watch(ended: threading.Event, look_seconds: float, patience_seconds: float) -> None:
    idle_since: dict[str, float] = {}
    while not ended.wait(look_seconds):
        with contextlib.suppress(Exception):  # whatever Ray raises where it is too busy to answer: the next look tells
            now = time.monotonic()
            idle_since = {name: idle_since.get(name, now) for name in _idle()}
            for name, since in idle_since.items():
                if now - since >= patience_seconds:
                    _remove(name)


def _idle() -> list[str]:
    """Placement groups, in hexadecimal, all of whose resources are free."""
    import ray
    from ray.util import placement_group_table

    table: dict[str, Any] = placement_group_table()
    free, whole = ray.available_resources(), ray.cluster_resources()
    reserved = [name for name, group in table.items() if group["state"] == "CREATED"]
    found = []
    for name in reserved:
        own = [key for key in whole if key.endswith(f"_group_{name}") and not key.startswith("bundle")]
        if own and all(free.get(key, 0.0) >= whole[key] for key in own):
            found.append(name)
    return found


def _remove(name: str) -> None:
    from ray._raylet import PlacementGroupID
    from ray.util.placement_group import PlacementGroup, remove_placement_group

    remove_placement_group(PlacementGroup(PlacementGroupID(bytes.fromhex(name))))
