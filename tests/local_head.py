"""A head that cluster/local.sh starts, as a user starts one, on ports of its own."""

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path

import psutil
import pytest

from advgen_ray.distributed.own_head import free_ports

SCRIPT = Path(__file__).parents[1] / "cluster" / "local.sh"
PORTS = ("port", "dashboard-port", "dashboard-agent-listen-port", "ray-client-server-port", "metrics-export-port")
ATTEMPTS = 3  # Ray gives itself half a minute to start, which on a busy machine is too little
SECONDS = 180.0  # for one attempt


@contextlib.contextmanager
def local_head(
    folder: Path, environment: Mapping[str, str], options: Sequence[str], ready: Callable[[dict[str, int]], bool]
) -> Iterator[dict[str, int]]:
    """Started with ``options`` too; its ports by the names of ``PORTS``, once it is ``ready`` on them."""
    for attempt in range(ATTEMPTS):
        ports = dict(zip(PORTS, free_ports(len(PORTS)), strict=True))
        log = folder / f"head-{attempt}.log"
        command = [str(SCRIPT), "--object-store-memory=200000000", *options]
        command += [f"--{name}={port}" for name, port in ports.items()]
        with log.open("w") as output:
            process = subprocess.Popen(
                command, env=dict(environment), stdout=output, stderr=output, start_new_session=True
            )
        try:
            if _started(process, log, partial(ready, ports)):
                yield ports
                return
        finally:
            _kill(process)
    pytest.fail(f"no head:\n{log.read_text()[-2000:]}")


def _started(process: subprocess.Popen[bytes], log: Path, ready: Callable[[], bool]) -> bool:
    deadline = time.monotonic() + SECONDS
    while not ("block forever" in log.read_text() and ready()):
        if process.poll() is not None or time.monotonic() > deadline:
            return False
        time.sleep(0.2)
    return True


def _kill(process: subprocess.Popen[bytes]) -> None:
    """This head's processes and no other's; those of one that has died are still of its group."""
    children = []
    with contextlib.suppress(psutil.NoSuchProcess):
        children = psutil.Process(process.pid).children(recursive=True)
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    for child in children:
        with contextlib.suppress(psutil.NoSuchProcess):
            child.kill()
    process.wait(timeout=60)
