"""Ray's autoscaler over its fake provider: nodes are raylets of this machine whose GPUs are numbers.

It launches and ends them as it would machines of a cloud.
"""

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path
from typing import Any

import psutil

from advgen_ray.distributed.own_head import free_ports

ROOT = Path(__file__).parents[2]
IDLE_MINUTES = 0.1
START_SECONDS = 120.0


class Cloud:
    """A head without GPUs, and up to ``num_gpu_nodes`` of one each while something asks for them."""

    def __init__(self, folder: Path, num_gpu_nodes: int) -> None:
        import ray

        self.folder = folder
        self.session = Path(tempfile.mkdtemp(prefix="advgen-ray-"))  # its sockets' paths must be short
        ports = free_ports(3)
        self.address = f"{ray._private.services.get_node_ip_address()}:{ports[0]}"
        config = folder / "autoscaler.json"
        config.write_text(json.dumps(_config(self.address, num_gpu_nodes)))
        options = {
            "port": ports[0],
            "dashboard-port": ports[1],
            "dashboard-agent-listen-port": ports[2],
            "num-cpus": 1,
            "object-store-memory": 200_000_000,
            "autoscaling-config": config,
            "temp-dir": self.session,
        }
        command = [str(Path(sys.executable).parent / "ray"), "start", "--head", "--block"]
        own = {
            "PYTHONPATH": str(ROOT),  # where the autoscaler finds the provider
            "RAY_FAKE_CLUSTER": "1",
            "RAY_AUTH_MODE": "disabled",
            "AUTOSCALER_UPDATE_INTERVAL_S": "1",
            "RAY_USAGE_STATS_ENABLED": "0",
        }
        self.job_server = f"http://127.0.0.1:{ports[1]}"
        self.process = subprocess.Popen(
            [*command, *(f"--{name}={value}" for name, value in options.items())],
            env=os.environ | own,
            stdout=(folder / "head.log").open("w"),
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        self._wait()

    def gpu_nodes(self) -> list[psutil.Process]:
        """The raylets that the autoscaler launched and that live."""
        found = []
        for process in self._processes():
            try:
                program, *words = process.cmdline()
                has_gpu = any(word.startswith("--static_resource_list") and "GPU," in word for word in words)
                if program.endswith("raylet/raylet") and has_gpu:
                    found.append(process)
            except (psutil.NoSuchProcess, psutil.AccessDenied, ValueError):  # over, or a zombie without a command line
                continue
        return found

    def actors(self) -> list[psutil.Process]:
        """A map job's actors that live."""
        found = []
        for node in self.gpu_nodes():
            try:
                found += [one for one in node.children(recursive=True) if _names(one, "ShardActor")]
            except psutil.NoSuchProcess:
                continue
        return found

    def shutdown(self) -> None:
        """End the head, its autoscaler and what it launched, and nothing else of this machine."""
        for process in [*self._processes(), psutil.Process(self.process.pid)]:
            try:
                process.kill()
            except psutil.NoSuchProcess:
                continue
        self.process.wait(timeout=60)
        shutil.rmtree(self.session, ignore_errors=True)

    def _processes(self) -> list[psutil.Process]:
        """All that belong to this head's session, whoever is their parent by now."""
        mine = str(self.session)
        return [one for one in psutil.process_iter() if one.pid != os.getpid() and _names(one, mine)]

    def _wait(self) -> None:
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            try:
                urllib.request.urlopen(f"{self.job_server}/api/version", timeout=2).close()
                return
            except OSError:
                time.sleep(0.3)
        raise TimeoutError((self.folder / "head.log").read_text()[-2000:])


def _names(process: psutil.Process, part: str) -> bool:
    try:
        return any(part in word for word in process.cmdline())
    except (psutil.NoSuchProcess, psutil.AccessDenied):
        return False


def _config(address: str, num_gpu_nodes: int) -> dict[str, Any]:
    """What ``cluster/aws.yaml`` says of a cloud, for machines that are pretended."""
    lists = (
        "initialization_commands", "setup_commands", "head_setup_commands", "worker_setup_commands",
        "head_start_ray_commands", "worker_start_ray_commands", "cluster_synced_files", "rsync_exclude", "rsync_filter",
    )  # fmt: skip
    return {
        "cluster_name": "pretended",
        "max_workers": num_gpu_nodes,
        "upscaling_speed": 1.0,
        "idle_timeout_minutes": IDLE_MINUTES,
        "provider": {
            "type": "external",
            "module": "tests.autoscaling.provider.MortalMachines",
            "gcs_address": address,
            "use_node_id_as_ip": True,
            "disable_node_updaters": True,
            "disable_launch_config_check": True,
        },
        "available_node_types": {
            "ray.head.default": {"resources": {"CPU": 1}, "node_config": {}, "max_workers": 0},
            "gpu": {
                "resources": {"CPU": 1, "GPU": 1, "object_store_memory": 100_000_000},
                "node_config": {},
                "min_workers": 0,
                "max_workers": num_gpu_nodes,
            },
        },
        "head_node_type": "ray.head.default",
        "auth": {},
        "docker": {},
        "file_mounts": {},
        "file_mounts_sync_continuously": False,
        **{name: [] for name in lists},
    }
