"""The cluster on which jobs are killed, and what may be killed: actors, workers, nodes, drivers, servers."""

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import psutil

from advgen_ray.config import Config
from tests.tracking.mlflow_server import MlflowServer

ROOT = Path(__file__).parents[2]
NODES, CPUS_OF_A_NODE = 2, 3
SERVER_AWAY_SECONDS = 6.0
ACTORS, WORKERS = "ShardActor", "RayTrainWorker"


class Machines:
    """A head without room for work and two nodes with, each a raylet with workers of its own."""

    def __init__(self) -> None:
        from ray.cluster_utils import Cluster

        self.cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 1, "include_dashboard": False})
        self.nodes = [self._add() for _ in range(NODES)]

    @property
    def address(self) -> str:
        """Of the head."""
        return str(self.cluster.address)

    def processes(self, part: str) -> list[psutil.Process]:
        """Those of this cluster whose command line has ``part``."""
        found = []
        for node in [self.cluster.head_node, *self.nodes]:
            for process in psutil.Process(_raylet(node)).children(recursive=True):
                try:
                    if part in " ".join(process.cmdline()):
                        found.append(process)
                except psutil.NoSuchProcess:
                    continue
        return found

    def kill_process(self, part: str, chance: random.Random) -> bool:
        """SIGKILL one of them; whether there was one."""
        found = self.processes(part)
        if found:
            chance.choice(found).kill()
        return bool(found)

    def kill_node(self, chance: random.Random) -> None:
        """SIGKILL a raylet, whose workers go with it; another node comes in its place."""
        node = self.nodes.pop(chance.randrange(len(self.nodes)))
        self.cluster.remove_node(node, allow_graceful=False)
        self.nodes.append(self._add())

    def shutdown(self) -> None:
        """End every node."""
        self.cluster.shutdown()

    def _add(self) -> Any:
        return self.cluster.add_node(num_cpus=CPUS_OF_A_NODE, wait=False)


class Driver:
    """A job's own command line, as a user runs it again after it died."""

    def __init__(self, program: str, config: Config, address: str, folder: Path, tracking: str) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "config.yaml").write_text(config.to_yaml())
        self.log = folder / "log"
        self.command = [sys.executable, f"jobs/{program}.py", "--config", str(folder / "config.yaml")]
        own = {"PYTHONPATH": str(ROOT), "RAY_ADDRESS": address, "MLFLOW_TRACKING_URI": tracking}
        self.environment = os.environ | own
        self.start()

    def start(self) -> None:
        """The same command, for the first time or once more."""
        with self.log.open("a") as log:
            self.process = subprocess.Popen(
                self.command, cwd=ROOT, env=self.environment, stdout=log, stderr=log, start_new_session=True
            )

    def kill(self) -> None:
        """SIGKILL."""
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()

    def end(self) -> str:
        """The end of what it said."""
        return self.log.read_text()[-2000:]


def away_for_a_while(server: MlflowServer) -> None:
    """Kill a server, and start it again after some seconds."""
    server.kill()
    time.sleep(SERVER_AWAY_SECONDS)
    server.start()


def _raylet(node: Any) -> int:
    return int(node.all_processes["raylet"][0].process.pid)
