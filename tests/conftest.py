"""What every test stands on: one thread, no stray cluster, tracking in a folder that goes away."""

import os
import uuid
from collections.abc import Iterator

# Read by ray at import: loopback tests need no token, and progress bars of actors flood the log.
os.environ.pop("RAY_ADDRESS", None)
os.environ.setdefault("RAY_AUTH_MODE", "disabled")
os.environ.setdefault("RAY_DATA_DISABLE_PROGRESS_BARS", "1")
os.environ.setdefault("RAY_TRAIN_V2_ENABLED", "1")
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ["MLFLOW_ENABLE_SYSTEM_METRICS_LOGGING"] = "false"  # a slow machine's short runs would have some, too

import pytest
import torch

from advgen_ray.distributed.heap import keep_freed_memory
from tests.s3_server import SWIFT_HOME, SwiftServer, installed

LONG_SECONDS = 1200  # for what takes up to five minutes on two quiet cores; pyproject.toml has the limit of the others

torch.set_num_threads(1)
keep_freed_memory()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Tests of a cluster first: files of many quick tests then fill what is left of two processes' time."""
    items.sort(key=lambda item: not any(map(item.get_closest_marker, ("ray", "long"))))
    for item in items:
        if item.get_closest_marker("long"):
            item.add_marker(pytest.mark.timeout(LONG_SECONDS))


@pytest.fixture(scope="session", autouse=True)
def _tracking_elsewhere(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """No test writes into the user's runs/."""
    folder = tmp_path_factory.mktemp("mlflow")
    former = os.environ.get("MLFLOW_TRACKING_URI")
    os.environ["MLFLOW_TRACKING_URI"] = f"sqlite:///{folder}/mlflow.db"
    yield
    if former is None:
        del os.environ["MLFLOW_TRACKING_URI"]
    else:
        os.environ["MLFLOW_TRACKING_URI"] = former


@pytest.fixture(scope="session")
def s3_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SwiftServer]:
    """A real S3 API; its program is kept in the user's cache, or in ADVGEN_SWIFT_ENV, for the next time."""
    python = installed(SWIFT_HOME)
    if python is None:
        pytest.skip("no package index gives swift: S3 is not tested")
    server = SwiftServer(python, tmp_path_factory.mktemp("swift"))
    server.start()
    yield server
    server.kill()


@pytest.fixture
def bucket(s3_server: SwiftServer, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The address of a new bucket; the environment holds what this process and its children need to reach it."""
    import boto3

    from advgen_ray.storage import s3

    for name, value in s3_server.environment.items():
        monkeypatch.setenv(name, value)
    s3._connected.cache_clear()
    name = f"advgen-{uuid.uuid4().hex[:8]}"
    boto3.client("s3", endpoint_url=s3_server.endpoint).create_bucket(Bucket=name)
    yield f"s3://{name}"
    s3._connected.cache_clear()


@pytest.fixture(scope="session")
def ray_session() -> Iterator[None]:
    """One local Ray cluster for all tests that need no fault in it: four logical CPUs avoid starvation on two cores."""
    from advgen_ray.distributed import cluster

    cluster.connect(num_cpus=4)
    yield
    cluster.disconnect()
