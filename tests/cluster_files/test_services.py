"""The development services, started for real on ports of their own: they answer, on loopback only, and end as one."""

import contextlib
import os
import signal
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest

from advgen_ray.distributed.own_head import free_ports
from tests.cluster_files.repository import CLUSTER
from tests.dashboards.prometheus import installed

pytestmark = pytest.mark.long

SCRIPT = str(CLUSTER / "services.sh")
HERE = str(Path(sys.executable).parent)


@dataclass(frozen=True)
class Services:
    """The running script, its ports, where it keeps things and every process that it started."""

    process: subprocess.Popen[str]
    mlflow: int
    prometheus: int
    s3: int
    data: Path
    children: list[psutil.Process]
    printed: list[str]


def environment() -> dict[str, str]:
    """The tests' own, with the commands of this python's environment first, and Prometheus where there is one."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("MLFLOW", "AWS"))}
    folders = [HERE, *([str(programs)] if (programs := installed()) else []), os.environ["PATH"]]
    return {**kept, "PATH": ":".join(folders)}


@contextlib.contextmanager
def running(data: Path) -> Iterator[Services]:
    """MLflow, Prometheus where it is installed, and Python's own web server in the place of the S3 server."""
    mlflow, prometheus, s3 = free_ports(3)
    command = [SCRIPT, "--mlflow-port", str(mlflow), "--prometheus-port", str(prometheus), "--data", str(data),
               "--s3", f"python -m http.server --bind 127.0.0.1 {s3}"]  # fmt: skip
    process = subprocess.Popen(command, env=environment(), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    children: list[psutil.Process] = []
    try:
        assert process.stdout
        printed: list[str] = []
        for line in process.stdout:
            printed.append(line.strip())
            if "Ctrl-C ends all" in line:
                break
        assert process.poll() is None, printed
        children = psutil.Process(process.pid).children(recursive=True)
        yield Services(process, mlflow, prometheus, s3, data, children, printed)
    finally:
        process.terminate()
        process.wait(timeout=30)
        for child in children:  # none, unless the script left some
            with contextlib.suppress(psutil.NoSuchProcess):
                child.kill()


@pytest.fixture(scope="module")
def services(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Services]:
    """One set for all tests; the last of them ends it."""
    with running(tmp_path_factory.mktemp("services") / "kept") as started:
        yield started


def check_all_ended(services: Services) -> None:
    assert len(services.children) >= 3  # MLflow's command and its server, the S3 server
    left = [child for child in services.children if child.is_running() and child.status() != psutil.STATUS_ZOMBIE]
    assert left == []
    for port in (services.mlflow, services.s3):
        with socket.socket() as probe:
            assert probe.connect_ex(("127.0.0.1", port)) != 0


def fetch(url: str) -> int:
    with urllib.request.urlopen(url, timeout=10) as response:
        return int(response.status)


def test_they_answer_on_loopback_only(services: Services) -> None:
    assert f"MLflow: export MLFLOW_TRACKING_URI=http://127.0.0.1:{services.mlflow}" in services.printed
    assert fetch(f"http://127.0.0.1:{services.mlflow}/api/2.0/mlflow/experiments/search?max_results=1") == 200
    assert fetch(f"http://127.0.0.1:{services.s3}/") == 200
    assert (services.data / "mlflow.db").is_file()
    addresses = [one.laddr for child in services.children for one in child.net_connections() if one.status == "LISTEN"]
    assert {address.ip for address in addresses} == {"127.0.0.1"}
    assert {address.port for address in addresses} >= {services.mlflow, services.s3}


def test_prometheus_reads_its_config(services: Services) -> None:
    if installed() is None:
        pytest.skip("no prometheus on the PATH, and apt-get download gives none")
    assert f"Prometheus: http://127.0.0.1:{services.prometheus}" in services.printed
    assert fetch(f"http://127.0.0.1:{services.prometheus}/-/ready") == 200
    with urllib.request.urlopen(f"http://127.0.0.1:{services.prometheus}/api/v1/status/config", timeout=10) as response:
        assert "prom_metrics_service_discovery.json" in response.read().decode()


def test_without_prometheus_it_says_so(services: Services) -> None:
    started = any("Prometheus:" in line for line in services.printed)
    assert started == (installed() is not None)
    assert started != any("no prometheus on the PATH" in line for line in services.printed)


def test_a_taken_port_is_one_line(services: Services, tmp_path: Path) -> None:
    command = [SCRIPT, "--mlflow-port", str(services.mlflow), "--data", str(tmp_path)]
    done = subprocess.run(command, env=environment(), capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 2
    assert done.stderr.strip() == (
        f"services.sh: error: --mlflow-port {services.mlflow}: something listens there already; give another port"
    )


@pytest.mark.parametrize(
    ("arguments", "words"),
    [(["--port", "1"], "no option --port"), (["--data"], "--data needs a value"), (["--mlflow-port", "x"], "number")],
)
def test_a_mistake_is_one_line(arguments: list[str], words: str) -> None:
    done = subprocess.run(
        [SCRIPT, *arguments], env=environment(), capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 2
    assert words in done.stderr
    assert done.stderr.count("\n") == 1


def test_a_service_that_does_not_start_is_named(tmp_path: Path) -> None:
    """A Python that cannot start: MLflow's last words are shown."""
    mlflow, prometheus = free_ports(2)
    command = [SCRIPT, "--mlflow-port", str(mlflow), "--prometheus-port", str(prometheus), "--data", str(tmp_path)]
    broken = {**environment(), "PYTHONHOME": str(tmp_path)}
    done = subprocess.run(command, env=broken, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 1
    assert "No module named 'encodings'" in done.stderr
    assert done.stderr.splitlines()[-1] == f"services.sh: error: mlflow did not start; its log: {tmp_path}/mlflow.log"


def test_one_that_ends_takes_the_others_along(tmp_path: Path) -> None:
    with running(tmp_path) as services:
        server = next(child for child in services.children if "http.server" in child.cmdline())
        server.kill()
        output, _ = services.process.communicate(timeout=30)
        assert services.process.returncode == 1
        assert output.strip() == f"services.sh: error: s3 ended with code 137; its log: {tmp_path}/s3.log"
        check_all_ended(services)


def test_a_signal_ends_them_all(services: Services) -> None:
    """The last of this file: afterwards none of them runs."""
    assert all(child.is_running() for child in services.children)
    services.process.send_signal(signal.SIGTERM)
    assert services.process.wait(timeout=30) == 0
    check_all_ended(services)
