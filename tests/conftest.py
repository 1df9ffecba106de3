"""What every test stands on: one thread, no stray cluster, tracking in a folder that goes away."""

import os
from collections.abc import Iterator

# Read by ray at import: loopback tests need no token, and progress bars of actors flood the log.
os.environ.pop("RAY_ADDRESS", None)
os.environ.setdefault("RAY_AUTH_MODE", "disabled")
os.environ.setdefault("RAY_DATA_DISABLE_PROGRESS_BARS", "1")
os.environ.setdefault("RAY_TRAIN_V2_ENABLED", "1")
os.environ.setdefault("OMP_NUM_THREADS", "1")

import pytest
import torch

torch.set_num_threads(1)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Tests of a cluster first: files of many quick tests then fill what is left of two processes' time."""
    items.sort(key=lambda item: not any(map(item.get_closest_marker, ("ray", "long"))))


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
def ray_session() -> Iterator[None]:
    """One local Ray cluster for all tests that need no fault in it: four logical CPUs avoid starvation on two cores."""
    from advgen_ray.distributed import cluster

    cluster.connect(num_cpus=4)
    yield
    cluster.disconnect()
