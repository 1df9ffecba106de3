"""The servers that jobs stand on, killed and started again: where runs are tracked, and where data lies."""

import os
import time
from pathlib import Path
from typing import Protocol

from advgen_ray.storage import s3
from tests.s3_server import SWIFT_HOME, SwiftServer, installed
from tests.tracking.mlflow_server import MlflowServer

AWAY_SECONDS = 6.0
BUCKET = "faults"


class Server(Protocol):
    """Comes back with everything it acknowledged, at the same address."""

    def kill(self) -> None:
        """SIGKILL."""

    def start(self) -> None:
        """Start it, for the first time or again, and wait until it answers."""


def away_for_a_while(server: Server) -> None:
    """Kill a server, and start it again after some seconds."""
    server.kill()
    time.sleep(AWAY_SECONDS)
    server.start()


def tracking_server(folder: Path) -> MlflowServer:
    """A started one."""
    server = MlflowServer(folder)
    server.start()
    return server


def s3_server(folder: Path) -> SwiftServer | None:
    """A started one with a bucket, whose address and credentials this process and all its children have.

    None where no package index gives it.
    """
    python = installed(SWIFT_HOME)
    if python is None:
        return None
    import boto3

    folder.mkdir()
    server = SwiftServer(python, folder)
    server.start()
    os.environ.update(server.environment)
    s3._connected.cache_clear()
    boto3.client("s3", endpoint_url=server.endpoint).create_bucket(Bucket=BUCKET)
    return server
