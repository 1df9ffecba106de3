"""Jobs sent to a started cluster, with `advgen submit` and with Ray's own command: logs, outputs and exit codes."""

import json
import os
import secrets
import shutil
import socket
import subprocess
import sys
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from advgen_ray.distributed import own_head
from advgen_ray.distributed.own_head import free_ports
from advgen_ray.errors import UserError
from advgen_ray.job_server import check_reachable, server_address
from advgen_ray.storage.validate import validate
from tests.local_head import local_head
from tests.models_on_disk import save_score_model

ROOT = Path(__file__).parent.parent
TINY = [
    "max_steps=2",
    "attack.num_steps=1",
    "evaluation_attack.num_steps=1",
    "model.widen_factor=1",
    "model.base_channels=4",
    "workers.num_workers=1",
]


def test_the_address_is_found_where_ray_looks_for_it(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("RAY_ADDRESS", "RAY_API_SERVER_ADDRESS"):
        monkeypatch.delenv(name, raising=False)
    assert server_address(None) == "http://127.0.0.1:8265"
    monkeypatch.setenv("RAY_ADDRESS", "10.0.0.1:6379")  # the cluster's own port, no job server
    assert server_address(None) == "http://127.0.0.1:8265"
    monkeypatch.setenv("RAY_ADDRESS", "http://a:1")
    assert server_address(None) == "http://a:1"
    monkeypatch.setenv("RAY_API_SERVER_ADDRESS", "http://b:2")
    assert server_address(None) == "http://b:2"
    assert server_address("https://c/") == "https://c"


class Stranger(BaseHTTPRequestHandler):
    """Some other web server."""

    def do_GET(self) -> None:
        self.send_response(404 if self.path.startswith("/none") else 200)
        self.end_headers()
        self.wfile.write(b"<html>welcome</html>")

    def log_message(self, *_: object) -> None:
        pass


def test_no_cluster_and_no_job_server_are_told_apart_in_seconds(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(UserError, match=r"no cluster at .*refused.*cluster/local\.sh"):
        check_reachable(f"http://127.0.0.1:{free_ports(1)[0]}")
    http = HTTPServer(("127.0.0.1", 0), Stranger)
    threading.Thread(target=http.serve_forever, daemon=True).start()
    for path in ("", "/none"):
        with pytest.raises(UserError, match="not as a Ray job server"):
            check_reachable(f"http://127.0.0.1:{http.server_port}{path}")
    http.shutdown()
    http.server_close()
    monkeypatch.setattr("advgen_ray.job_server.REACH_SECONDS", 0.3)
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        with pytest.raises(UserError, match="timed out"):
            check_reachable(f"http://127.0.0.1:{silent.getsockname()[1]}")


def test_free_ports_are_taken_by_nobody_and_different(monkeypatch: pytest.MonkeyPatch) -> None:
    three = free_ports(3)
    assert all(port in own_head.FREE for port in three)
    monkeypatch.setattr(own_head, "FREE", three)
    with socket.create_server(("127.0.0.1", three[1])):
        assert sorted(free_ports(2)) == sorted([three[0], three[2]])


@dataclass(frozen=True)
class Head:
    """A started head: where it is, and the environment of whoever holds its token."""

    address: str
    environment: dict[str, str]

    def run(self, *command: str, **variables: str) -> subprocess.CompletedProcess[str]:
        """A command on this side, in the checkout."""
        return subprocess.run(
            command,
            cwd=ROOT,
            env={**self.environment, **variables},
            capture_output=True,
            text=True,
            check=False,
        )


@pytest.fixture(scope="module")
def head(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Head]:
    """cluster/local.sh on ports of its own, asking for a token as it does by default."""
    folder = tmp_path_factory.mktemp("head")
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("RAY_A", "MLFLOW"))}
    environment |= {
        "RAY_AUTH_TOKEN": secrets.token_hex(32),
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
    }
    with local_head(folder, environment, ["--num-cpus=4"], _asks_for_a_token) as ports:
        yield Head(f"http://127.0.0.1:{ports['dashboard-port']}", environment)


def _asks_for_a_token(ports: dict[str, int]) -> bool:
    try:
        urllib.request.urlopen(f"http://127.0.0.1:{ports['dashboard-port']}/api/version", timeout=5).close()
    except urllib.error.HTTPError as error:
        return error.code == 401
    except OSError:
        pass
    return False


def advgen(head: Head, *arguments: str) -> subprocess.CompletedProcess[str]:
    return head.run(sys.executable, "-m", "advgen_ray.cli", "submit", *arguments, "--address", head.address)


@pytest.mark.long
@pytest.mark.ray
def test_advgen_submit_runs_a_job_and_its_output_lies_in_the_checkout(head: Head, tmp_path: Path) -> None:
    checkout = tmp_path / "checkout"
    for part in ("advgen_ray", "jobs"):
        shutil.copytree(ROOT / part, checkout / part, ignore=shutil.ignore_patterns("__pycache__"))
    save_score_model(checkout / "runs" / "score_model")
    settings = ["score_model=runs/score_model", "output=runs/set", "num_sources=2", "sampler.num_steps=2"]
    words = [word for setting in settings for word in ("--set", setting)]
    done = advgen(head, "generate_counterfactuals", *words, "--working-dir", str(checkout))
    assert done.returncode == 0, done.stdout + done.stderr
    assert "count: 40" in done.stdout  # the summary that the job prints came along with its log
    assert "succeeded" in done.stdout
    assert done.stderr == ""
    assert validate(str(checkout / "runs" / "set"))["rows"] == 40
    assert (checkout / "runs" / "mlflow.db").stat().st_size > 0


@pytest.mark.long
@pytest.mark.ray
def test_rays_own_command_runs_a_training(head: Head, tmp_path: Path) -> None:
    settings = [word for setting in [*TINY, f"output={tmp_path}/classifier"] for word in ("--set", setting)]
    variables = {"MLFLOW_TRACKING_URI": f"sqlite:///{tmp_path}/mlflow.db"}
    done = head.run(
        *("ray", "job", "submit", "--address", head.address, "--working-dir", "."),
        *("--runtime-env-json", json.dumps({"env_vars": variables})),
        *("--", "python", "jobs/train_classifier.py", *settings),
        RAY_AUTH_MODE="token",
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "clean_accuracy" in done.stdout
    assert json.loads((tmp_path / "classifier" / "model" / "model.json").read_text())["num_steps"] == 2


@pytest.mark.long
@pytest.mark.ray
def test_a_job_that_fails_on_the_cluster_fails_here(head: Head, tmp_path: Path) -> None:
    done = advgen(head, "generate_counterfactuals", "--set", "score_model=/nowhere", "--set", f"output={tmp_path}/set")
    assert done.returncode == 2, done.stdout + done.stderr
    assert "error: /nowhere" in done.stdout  # the job's own line, in its log
    assert "failed" in done.stderr
    assert not (tmp_path / "set" / "manifest.json").exists()


@pytest.mark.ray
def test_a_wrong_token_is_one_line_and_nothing_is_sent(head: Head, tmp_path: Path) -> None:
    stranger = Head(head.address, {**head.environment, "RAY_AUTH_TOKEN": "0" * 64})
    done = advgen(stranger, "train_classifier", "--set", f"output={tmp_path}/x")
    assert done.returncode == 2
    assert "token" in done.stderr
    assert done.stderr.count("\n") == 1
    assert done.stdout == ""
