"""Joining the cluster that a job belongs to, or starting one on this machine."""

import os
import signal
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from advgen_ray.errors import UserError

PROBE_SECONDS = 5.0
START_ATTEMPTS = 3  # Ray gives a cluster 30 seconds, which on a busy machine is too few
OBJECT_STORE_BYTES = 200_000_000  # results go straight to storage; only small objects pass through the store

# Read by Ray when its parts start. None of them changes a result.
_ANYWHERE = {
    "RAY_TRAIN_V2_ENABLED": "1",
    "RAY_DATA_DISABLE_PROGRESS_BARS": "1",  # bars of actors flood captured logs; our own lines replace them
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
    "RAY_CHDIR_TO_TRIAL_DIR": "0",  # a relative output means the same place to a worker as to the driver
}
# No dashboard runs beside a cluster started here. Without an address Ray Train's workers seek one for twelve seconds at
# the end of every training; at one where nobody listens they give up at once.
_NO_STATE_API = {"RAY_API_SERVER_ADDRESS": "http://127.0.0.1:9"}
# Machinery for clusters that a cluster on one machine only pays for, a Python process or a second at a time.
_LOCAL = {
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_TRAIN_ENABLE_PREEMPTION_WATCHER": "0",
    "RAY_TRAIN_METRICS_ENABLED": "0",
    "RAY_TRAIN_HEALTH_CHECK_INTERVAL_S": "0.5",
    "RAY_BACKEND_LOG_LEVEL": "fatal",  # else every map job prints that an actor's arguments lie in the object store
}


def connect(num_cpus: int | None = None) -> None:
    """Join the cluster at ``RAY_ADDRESS`` (set inside a submitted job), else start one on this machine; once.

    A cluster started here has at least 4 logical CPUs, so that a driver's actors never starve one another on two
    cores; each worker still uses as many threads as it was given CPUs. Raises UserError for an address that does
    not answer.
    """
    _set_environment(_ANYWHERE)
    if not is_local():
        _join(address())
    else:
        _set_environment(_LOCAL)
        _start(num_cpus or max(4, os.cpu_count() or 1))


def check_reachable() -> None:
    """Raise UserError within seconds if ``RAY_ADDRESS`` names a cluster that does not answer; nothing is joined."""
    if not is_local():
        _probe(address())


def enter(directory: str, driver_address: str | None = None) -> None:
    """Go, in a worker, where the driver is: relative paths then mean the same to both.

    The workers of a submitted job start in an unpacked copy of the code. Where the driver's directory is not to be
    seen, on another machine, relative paths mean nothing anyway. A worker that is to be a driver itself takes its
    driver's ``address()`` too: Ray gives ``RAY_ADDRESS`` to drivers only.
    """
    if os.path.isdir(directory):
        os.chdir(directory)
    if driver_address is not None:
        os.environ["RAY_ADDRESS"] = driver_address


def disconnect() -> None:
    """Leave the cluster; one that was started here ends."""
    import ray

    ray.shutdown()


def address() -> str:
    """Of the cluster to join; ``""`` or ``"local"`` where one is to be started here."""
    return os.environ.get("RAY_ADDRESS", "")


def is_local() -> bool:
    """Whether the cluster is one that ``connect`` starts: it cannot grow."""
    return address() in ("", "local")


def _start(num_cpus: int) -> None:
    import ray

    if ray.is_initialized():
        return
    for attempt in range(1, START_ATTEMPTS + 1):
        try:
            # The variable is for the processes of this cluster; this one may submit jobs to others.
            with _environment(_NO_STATE_API), _own_sigterm():
                ray.init(
                    address="local",  # never a head that happens to run on this machine
                    num_cpus=num_cpus,
                    object_store_memory=OBJECT_STORE_BYTES,
                    include_dashboard=False,
                    log_to_driver=False,
                    logging_level="ERROR",
                )
            return
        except Exception as error:
            if "timed out during startup" not in str(error) or attempt == START_ATTEMPTS:
                raise
            print("cluster  did not start within Ray's 30 s, the machine is busy; starting again", flush=True)


@contextmanager
def _own_sigterm() -> Iterator[None]:
    """A job that is told to end unwinds; Ray's handler would end its cluster first, then this process."""
    former = signal.getsignal(signal.SIGTERM)
    try:
        yield
    finally:
        if callable(former) and threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGTERM, former)


def _join(address: str) -> None:
    import ray

    if ray.is_initialized():
        return
    _probe(address)
    try:
        with _own_sigterm():  # which ray job stop sends
            ray.init(address=address, log_to_driver=False, logging_level="ERROR")
    except (ConnectionError, RuntimeError, ValueError) as error:
        raise UserError(f"Ray cluster at {address}: {str(error).splitlines()[0]}; {_hint(error)}") from None


def _probe(address: str) -> None:
    """Ray itself tries for minutes before it gives up on an address where nobody listens."""
    if address == "auto":
        return  # Ray looks for a head on this machine, which is quick
    host, separator, port = address.removeprefix("ray://").rpartition(":")
    if not separator or not port.isdigit() or "/" in host:
        raise UserError(
            f"RAY_ADDRESS {address!r}: expected HOST:PORT of a Ray head, usually port 6379; to submit a job to "
            "a dashboard address use ray job submit"
        )
    try:
        socket.create_connection((host, int(port)), PROBE_SECONDS).close()
    except OSError as error:
        reason = error.strerror or str(error)
        raise UserError(
            f"Ray cluster at {address}: unreachable ({reason}); check the address, or unset RAY_ADDRESS to start a "
            "local cluster"
        ) from None


def _hint(error: Exception) -> str:
    if "auth" in str(error).lower():
        return "set RAY_AUTH_MODE to the cluster's (token or disabled) and provide its token"
    return "check the address, or unset RAY_ADDRESS to start a local cluster"


@contextmanager
def _environment(values: dict[str, str]) -> Iterator[None]:
    """Set for a while what child processes inherit."""
    former = {name: os.environ.get(name) for name in values}
    os.environ.update(values)
    try:
        yield
    finally:
        for name, value in former.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


def _set_environment(values: dict[str, str]) -> None:
    for name, value in values.items():
        os.environ.setdefault(name, value)
