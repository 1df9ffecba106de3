"""A Ray head of this machine with a job server, for as long as something is to be submitted to it."""

import contextlib
import os
import random
import secrets
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil

from advgen_ray.distributed.cluster import OBJECT_STORE_BYTES
from advgen_ray.errors import UserError

START_SECONDS = 120.0
PORTS = ("port", "dashboard-port", "dashboard-agent-listen-port", "dashboard-agent-grpc-port", "ray-client-server-port")
FREE = range(20_000, 32_768)  # above the ports of Ray's workers, below those that Linux gives to connections


@contextmanager
def own_head() -> Iterator[tuple[str, dict[str, str]]]:
    """The address of its job server on loopback, and the environment of whoever may use it: it asks for a token.

    Raises UserError with the end of its log where it does not come up.
    """
    ports = dict(zip(PORTS, free_ports(len(PORTS)), strict=True))
    address = f"http://127.0.0.1:{ports['dashboard-port']}"
    environment = {name: value for name, value in os.environ.items() if not name.startswith("RAY_A")}
    environment |= {
        "RAY_AUTH_MODE": "token",
        "RAY_AUTH_TOKEN": secrets.token_hex(32),
        "RAY_USAGE_STATS_ENABLED": "0",
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}",  # a job's python
    }
    command = [Path(sys.executable).parent / "ray", "start", "--head", "--block", "--disable-usage-stats"]
    command += ["--node-ip-address=127.0.0.1", "--dashboard-host=127.0.0.1", "--include-dashboard=true"]
    command += [f"--num-cpus={max(4, os.cpu_count() or 1)}", f"--object-store-memory={OBJECT_STORE_BYTES}"]
    command += [f"--{name}={port}" for name, port in ports.items()]
    with tempfile.TemporaryFile("w+") as log:
        words = [str(word) for word in command]
        head = subprocess.Popen(words, env=environment, stdout=log, stderr=log, start_new_session=True)
        try:
            if not _up(address, head):
                log.seek(0)
                raise UserError(f"a Ray head did not start on this machine: {' '.join(log.read()[-300:].split())}")
            yield address, environment
        finally:
            _end(head)


def free_ports(count: int) -> list[int]:
    """Different ones of loopback on which nobody listens now, and that nobody is given who asks for any."""
    ports: list[int] = []
    with contextlib.ExitStack() as held:
        for port in random.SystemRandom().sample(FREE, len(FREE)):
            if len(ports) == count:
                break
            try:
                held.enter_context(socket.create_server(("127.0.0.1", port)))
            except OSError:  # taken
                continue
            ports.append(port)
    return ports


def _up(address: str, head: subprocess.Popen[bytes]) -> bool:
    """Whether its job server answers, if only that it wants the token."""
    deadline = time.monotonic() + START_SECONDS
    while head.poll() is None and time.monotonic() < deadline:
        try:
            urllib.request.urlopen(f"{address}/api/version", timeout=5).close()
            return True
        except urllib.error.HTTPError as error:
            if error.code in (401, 403):
                return True
        except OSError:
            pass
        time.sleep(0.5)
    return False


def _end(head: subprocess.Popen[bytes]) -> None:
    """It and all that it started: what it started outlives it otherwise."""
    with contextlib.suppress(psutil.NoSuchProcess):
        for process in [*psutil.Process(head.pid).children(recursive=True), psutil.Process(head.pid)]:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()
    head.wait()
