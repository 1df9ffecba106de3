"""Joining a cluster: one line, and soon, where there is none."""

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from advgen_ray.distributed import cluster
from advgen_ray.errors import UserError


@pytest.fixture
def closed_port() -> Iterator[int]:
    """A port where nobody listens, and nobody will while we hold it."""
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        yield held.getsockname()[1]


def test_an_unreachable_cluster_is_said_to_be(closed_port: int) -> None:
    """In a process of its own: this one may have joined a cluster for another test."""
    script = "from advgen_ray.distributed.cluster import connect; connect()"
    environment = os.environ | {"RAY_ADDRESS": f"127.0.0.1:{closed_port}"}
    ended = subprocess.run(
        [sys.executable, "-c", script], env=environment, capture_output=True, text=True, check=False, timeout=120
    )
    last_line = ended.stderr.strip().splitlines()[-1]
    assert "UserError: Ray cluster" in last_line
    assert "unreachable (Connection refused)" in last_line


STOPPED = """
import os, signal
from advgen_ray.config import GenerateConfig
from advgen_ray.distributed.cluster import connect
from advgen_ray.job import run_job

def run(config):
    connect()
    os.kill(os.getpid(), signal.SIGTERM)
    raise AssertionError("the signal came too late")

raise SystemExit(run_job(GenerateConfig, run, []))
"""


@pytest.mark.ray
def test_a_job_told_to_end_unwinds_although_it_started_a_cluster(tmp_path: Path) -> None:
    """As service managers and schedulers end it; Ray has a handler of its own, which it sets when it starts."""
    environment = {name: value for name, value in os.environ.items() if name != "RAY_ADDRESS"}
    ended = subprocess.run(
        [sys.executable, "-c", STOPPED], cwd=tmp_path, env=environment, capture_output=True, text=True, check=False,
        timeout=300,
    )  # fmt: skip
    assert ended.returncode == 130, ended.stderr
    assert "the same command continues" in ended.stderr


@pytest.mark.parametrize("address", ["http://127.0.0.1:8265", "somewhere", "host:port"])
def test_addresses_of_another_kind_are_explained(address: str) -> None:
    with pytest.raises(UserError, match="expected HOST:PORT of a Ray head"):
        cluster._probe(address)


def test_an_address_says_that_the_cluster_is_not_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    assert cluster.is_local()
    monkeypatch.setenv("RAY_ADDRESS", "10.0.0.1:6379")
    assert not cluster.is_local()


@pytest.mark.parametrize(
    ("failures", "error", "starts"),
    [(2, "timed out during startup", 3), (3, "timed out during startup", 3), (1, "no memory", 1)],
)
def test_a_start_that_a_busy_machine_made_too_slow_is_tried_again(
    monkeypatch: pytest.MonkeyPatch, failures: int, error: str, starts: int
) -> None:
    import ray

    tried: list[str] = []

    def init(**settings: Any) -> None:
        tried.append(settings["address"])
        if len(tried) <= failures:
            raise Exception(f"The current node {error}.")

    monkeypatch.setattr(ray, "init", init)
    monkeypatch.setattr(ray, "is_initialized", lambda: False)
    if starts > failures:
        cluster._start(2)
    else:
        with pytest.raises(Exception, match=error):
            cluster._start(2)
    assert tried == ["local"] * starts


@pytest.mark.ray
def test_connecting_twice_is_connecting_once(ray_session: None) -> None:
    import ray

    node = ray.get_runtime_context().get_node_id()
    cluster.connect()
    assert ray.get_runtime_context().get_node_id() == node
    assert ray.cluster_resources()["CPU"] >= 4
    assert cluster.is_local()


@pytest.mark.ray
def test_workers_do_not_seek_the_dashboard_that_is_not_there(ray_session: None) -> None:
    import ray

    name = "RAY_API_SERVER_ADDRESS"
    inherited = ray.get(ray.remote(lambda: os.environ.get(name)).remote())
    assert inherited == cluster._NO_STATE_API[name]
    assert os.environ.get(name) != inherited  # this process may submit jobs to a cluster that has one
