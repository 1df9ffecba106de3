"""Joining a cluster: one line, and soon, where there is none."""

import socket
import time
from collections.abc import Iterator

import pytest

from advgen_ray.distributed import cluster
from advgen_ray.errors import UserError


@pytest.fixture
def closed_port() -> Iterator[int]:
    """A port where nobody listens, and nobody will while we hold it."""
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        yield held.getsockname()[1]


def test_an_unreachable_cluster_is_said_to_be_within_seconds(closed_port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    import ray

    if ray.is_initialized():
        pytest.skip("another test's cluster is joined already")
    monkeypatch.setenv("RAY_ADDRESS", f"127.0.0.1:{closed_port}")
    begin = time.monotonic()
    with pytest.raises(UserError, match=r"unreachable \(Connection refused\)") as caught:
        cluster.connect()
    assert time.monotonic() - begin < 15
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("address", ["http://127.0.0.1:8265", "somewhere", "host:port"])
def test_addresses_of_another_kind_are_explained(address: str) -> None:
    with pytest.raises(UserError, match="expected HOST:PORT of a Ray head"):
        cluster._probe(address)


def test_an_address_says_that_the_cluster_is_not_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    assert cluster.is_local()
    monkeypatch.setenv("RAY_ADDRESS", "10.0.0.1:6379")
    assert not cluster.is_local()


@pytest.mark.ray
def test_connecting_twice_is_connecting_once(ray_session: None) -> None:
    import ray

    node = ray.get_runtime_context().get_node_id()
    cluster.connect()
    assert ray.get_runtime_context().get_node_id() == node
    assert ray.cluster_resources()["CPU"] >= 4
    assert cluster.is_local()
