"""A search on a cluster of machines: its trials know that it can grow, and wait for what it does not have yet."""

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from advgen_ray.distributed import cluster
from advgen_ray.distributed.schedules import Schedule
from advgen_ray.distributed.tune import Report, Trial, run_search

ROOT = Path(__file__).parents[2]


class _Deaf:
    def reported(self, trial: Trial, report: dict[str, Any]) -> None:
        pass

    def ended(self, trial: Trial) -> None:
        pass


def look(root: str, parameters: Mapping[str, Any], trial_id: str, report: Report) -> None:
    """A trial that does as a job in it does first, and writes down what it sees."""
    cluster.connect()
    seen = {"local": cluster.is_local(), "address": cluster.address()}
    Path(root, f"{trial_id}.json").write_text(json.dumps(seen))
    report({"progress": 1.0, "value": 1.0})


@pytest.mark.long
@pytest.mark.ray
def test_a_trial_knows_the_cluster_of_its_driver(tmp_path: Path) -> None:
    from ray.cluster_utils import Cluster

    machines = Cluster(initialize_head=True, head_node_args={"num_cpus": 1, "include_dashboard": False})
    address = str(machines.address)
    try:
        command = [sys.executable, "-m", "tests.distributed.test_tune_on_machines", str(tmp_path)]
        own = {"RAY_ADDRESS": address, "PYTHONPATH": str(ROOT)}
        subprocess.run(command, env=os.environ | own, check=True, timeout=200)
    finally:
        machines.shutdown()
    (seen,) = [json.loads(path.read_text()) for path in tmp_path.glob("*.json")]
    assert seen == {"local": False, "address": address}


if __name__ == "__main__":
    run_search(partial(look, sys.argv[1]), (), Schedule({"value": "max"}, 1, [{}]), sys.argv[1], _Deaf())
