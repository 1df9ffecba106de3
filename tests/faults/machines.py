"""The cluster on which jobs are killed: a head without room for work, and two nodes with."""

import random
from typing import Any

import psutil

from advgen_ray.distributed.own_head import free_ports

NODES, CPUS_OF_A_NODE = 2, 3
ACTORS, WORKERS = "ShardActor", "RayTrainWorker"


class Machines:
    """Each node is a raylet with workers of its own; the head also runs the job server."""

    def __init__(self) -> None:
        from ray.cluster_utils import Cluster

        port, agent = free_ports(2)
        head = {
            "num_cpus": 1,
            "include_dashboard": True,
            "dashboard_port": port,
            "dashboard_agent_listen_port": agent,
        }
        self.job_server = f"http://127.0.0.1:{port}"
        self.cluster = Cluster(initialize_head=True, head_node_args=head)
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
        (agent,) = free_ports(1)
        return self.cluster.add_node(num_cpus=CPUS_OF_A_NODE, dashboard_agent_listen_port=agent, wait=False)


def _raylet(node: Any) -> int:
    return int(node.all_processes["raylet"][0].process.pid)
