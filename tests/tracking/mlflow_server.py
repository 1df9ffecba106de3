"""A real MLflow server on loopback, started and killed at will; its data and its port stay."""

import os
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Mapping
from pathlib import Path

import pytest

from advgen_ray.distributed.own_head import free_ports

START_SECONDS = 150  # on two cores that others use as well


class MlflowServer:
    """Serves runs from an sqlite file under ``root``, and artifacts from there or from where it is told.

    ``artifacts`` are the command's options for them, ``environment`` what only the server knows.
    """

    def __init__(self, root: Path, artifacts: str = "", environment: Mapping[str, str] | None = None) -> None:
        self.root = root
        self.artifacts = artifacts or f"--artifacts-destination {root}/served --serve-artifacts"
        self.environment = {**os.environ, **(environment or {})}
        (self.port,) = free_ports(1)
        self.process: subprocess.Popen[bytes] | None = None

    @property
    def uri(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        """Start it and wait until it answers."""
        command = (
            f"server --backend-store-uri sqlite:///{self.root}/served.db {self.artifacts}"
            f" --host 127.0.0.1 --port {self.port} --workers 1"
        )
        self.process = subprocess.Popen(
            [sys.executable, "-m", "mlflow", *command.split()],
            env={**self.environment, "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false", "MLFLOW_DISABLE_TELEMETRY": "true"},
            stdout=(self.root / "server.log").open("a"),
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        deadline = time.monotonic() + START_SECONDS
        while self.process.poll() is None and time.monotonic() < deadline:
            try:
                urllib.request.urlopen(f"{self.uri}/version", timeout=5).close()
            except OSError:
                time.sleep(0.5)
            else:
                return
        pytest.fail(f"no server at {self.uri}")

    def kill(self) -> None:
        """SIGKILL it, if it runs."""
        if self.process:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()
            self.process = None
