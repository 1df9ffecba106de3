"""Reserved room in which nothing runs is given back, and room in use is not."""

import time

import pytest
import ray
from ray.util.placement_group import PlacementGroup, placement_group, remove_placement_group
from ray.util.scheduling_strategies import PlacementGroupSchedulingStrategy

from advgen_ray.distributed.orphans import removed_meanwhile

pytestmark = [pytest.mark.ray, pytest.mark.usefixtures("ray_session")]


def _state(group: PlacementGroup) -> str:
    return str(ray.util.placement_group_table(group)["state"])


def test_a_group_that_nothing_runs_in_is_removed() -> None:
    @ray.remote(num_cpus=1)
    class Worker:
        def ready(self) -> bool:
            return True

    used, left = (placement_group([{"CPU": 1}]) for _ in range(2))
    ray.get([used.ready(), left.ready()])
    worker = Worker.options(scheduling_strategy=PlacementGroupSchedulingStrategy(used)).remote()
    ray.get(worker.ready.remote())
    try:
        with removed_meanwhile(look_seconds=0.2, patience_seconds=2.0):
            time.sleep(1.0)
            assert _state(left) == "CREATED", "not before its time"
            deadline = time.monotonic() + 30
            while _state(left) != "REMOVED" and time.monotonic() < deadline:
                time.sleep(0.1)
            time.sleep(1.0)
        assert (_state(used), _state(left)) == ("CREATED", "REMOVED")
    finally:
        ray.kill(worker)
        remove_placement_group(used)
