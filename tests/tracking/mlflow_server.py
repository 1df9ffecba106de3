"""A real MLflow server on loopback, started and killed at will; its data and its port stay."""

import os
import signal
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import pytest

from tests.ports import free_ports

START_SECONDS = 150  # on two cores that others use as well


class MlflowServer:
    """Serves runs from an sqlite file and artifacts from a folder under ``root``."""

    def __init__(self, root: Path) -> None:
        self.root = root
        (self.port,) = free_ports(1)
        self.process: subprocess.Popen[bytes] | None = None

    @property
    def uri(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        """Start it and wait until it answers."""
        command = (
            f"server --backend-store-uri sqlite:///{self.root}/served.db --artifacts-destination {self.root}/served"
            f" --serve-artifacts --host 127.0.0.1 --port {self.port} --workers 1"
        )
        self.process = subprocess.Popen(
            [sys.executable, "-m", "mlflow", *command.split()],
            env={**os.environ, "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false", "MLFLOW_DISABLE_TELEMETRY": "true"},
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
