"""A real S3 API on loopback: OpenStack Swift from its package, in an environment and a folder of its own.

Four processes hold the data as files; signatures are checked, uploads are atomic, and a killed server comes back with
everything it acknowledged. What its client must know is in ``SwiftServer.environment``.
"""

import fcntl
import getpass
import os
import secrets
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path

from advgen_ray.distributed.own_head import free_ports

SWIFT = "swift==2.38.3"
SWIFT_HOME = Path(os.environ.get("ADVGEN_SWIFT_ENV") or Path.home() / ".cache/advgen_ray/swift")
PARTS = ("account", "container", "object", "proxy")
START_SECONDS = 60

RINGS = """
import sys
from swift.common.ring import RingBuilder
folder, *ports = sys.argv[1:]
for part, port in zip(("account", "container", "object"), map(int, ports)):
    builder = RingBuilder(4, 1, 1)
    builder.add_dev(dict(id=0, region=1, zone=1, ip="127.0.0.1", port=port, replication_ip="127.0.0.1",
                         replication_port=port, device="d1", weight=1.0, meta=""))
    builder.rebalance()
    builder.get_ring().save(f"{folder}/{part}.ring.gz")
"""

STORAGE = """
[DEFAULT]
bind_ip = 127.0.0.1
bind_port = {port}
workers = 0
user = {user}
swift_dir = {etc}
devices = {devices}
mount_check = false
disable_fallocate = true
container_update_timeout = 30
[pipeline:main]
pipeline = {part}-server
[app:{part}-server]
use = egg:swift#{part}
"""

PROXY = """
[DEFAULT]
bind_ip = 127.0.0.1
bind_port = {port}
workers = 0
user = {user}
swift_dir = {etc}
[pipeline:main]
pipeline = catch_errors gatekeeper healthcheck proxy-logging s3api tempauth copy bulk slo dlo versioned_writes symlink proxy-logging proxy-server
[app:proxy-server]
use = egg:swift#proxy
account_autocreate = true
conn_timeout = 10
node_timeout = 60
error_suppression_interval = 1
error_suppression_limit = 1000000000
[filter:s3api]
use = egg:swift#s3api
location = us-east-1
[filter:tempauth]
use = egg:swift#tempauth
user_test_tester = {secret} .admin
[filter:versioned_writes]
use = egg:swift#versioned_writes
allow_object_versioning = true
"""  # noqa: E501
PLAIN_FILTERS = ("catch_errors", "gatekeeper", "healthcheck", "copy", "bulk", "slo", "dlo", "symlink")


def installed(environment: Path) -> Path | None:
    """The Python of Swift's environment, made where it is missing; None where no package index gives it."""
    environment.mkdir(parents=True, exist_ok=True)
    python = environment / "bin" / "python"
    with (environment / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # tests run in several processes
        if not (environment / ".installed").exists():
            subprocess.run([sys.executable, "-m", "venv", str(environment)], check=True)
            found = subprocess.run([str(python), "-m", "pip", "install", "--quiet", SWIFT], capture_output=True)
            if found.returncode:
                return None
            (environment / ".installed").touch()
    return python


class SwiftServer:
    """One account with one user; ports and data stay the same when it is killed and started again."""

    def __init__(self, python: Path, root: Path) -> None:
        self.python, self.root = python, root
        self.secret = secrets.token_hex(16)
        self.ports = dict(zip(PARTS, free_ports(len(PARTS)), strict=True))
        self.processes: list[subprocess.Popen[bytes]] = []
        self._configure()

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self.ports['proxy']}"

    @property
    def environment(self) -> dict[str, str]:
        """What a client's process needs; the access key is Swift's account and user."""
        return {
            "AWS_ENDPOINT_URL": self.endpoint,
            "AWS_ACCESS_KEY_ID": "test:tester",
            "AWS_SECRET_ACCESS_KEY": self.secret,
            "AWS_DEFAULT_REGION": "us-east-1",
        }

    def start(self) -> None:
        """Start the four processes and wait until they answer.

        The proxy last, and gone first: to it a bucket whose account does not answer is one that does not exist.
        """
        for part in PARTS[:-1]:
            self._start(part)
        self._wait(lambda: all(map(self._listens, PARTS[:-1])))
        self._start(PARTS[-1])
        self._wait(self._is_healthy)

    def kill(self) -> None:
        """SIGKILL all of it."""
        for process in reversed(self.processes):
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        self.processes.clear()

    def _start(self, part: str) -> None:
        command = [str(self.python.parent / f"swift-{part}-server"), str(self.root / "etc" / f"{part}.conf"), "-v"]
        with (self.root / "log").open("ab") as log:
            self.processes.append(subprocess.Popen(command, stdout=log, stderr=log, start_new_session=True))

    def _wait(self, ready: Callable[[], bool]) -> None:
        deadline = time.monotonic() + START_SECONDS
        while not ready():
            assert time.monotonic() < deadline, (self.root / "log").read_text()[-3000:]
            time.sleep(0.1)

    def _listens(self, part: str) -> bool:
        try:
            socket.create_connection(("127.0.0.1", self.ports[part]), timeout=2).close()
        except OSError:
            return False
        return True

    def _is_healthy(self) -> bool:
        try:
            return bool(urllib.request.urlopen(f"{self.endpoint}/healthcheck", timeout=2).status == 200)
        except OSError:
            return False

    def _configure(self) -> None:
        etc, devices = self.root / "etc", self.root / "srv"
        (devices / "d1").mkdir(parents=True)
        etc.mkdir()
        (etc / "swift.conf").write_text(
            f"[swift-hash]\nswift_hash_path_prefix = {secrets.token_hex(8)}\n"
            f"swift_hash_path_suffix = {secrets.token_hex(8)}\n"
            "[storage-policy:0]\nname = one\ndefault = yes\n"
        )
        common = {"user": getpass.getuser(), "etc": etc, "devices": devices, "secret": self.secret}
        for part in PARTS[:-1]:
            (etc / f"{part}.conf").write_text(STORAGE.format(part=part, port=self.ports[part], **common))
        filters = "".join(f"[filter:{name}]\nuse = egg:swift#{name}\n" for name in PLAIN_FILTERS)
        filters += "[filter:proxy-logging]\nuse = egg:swift#proxy_logging\n"
        (etc / "proxy.conf").write_text(PROXY.format(port=self.ports["proxy"], **common) + filters)
        ports = [str(self.ports[part]) for part in PARTS[:-1]]
        subprocess.run([str(self.python), "-c", RINGS, str(etc), *ports], check=True)
