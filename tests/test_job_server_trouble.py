"""What may go wrong between us and a job server: one line each, and how to go on where the job does."""

import socket
import threading
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace
from typing import Any

import pytest

from advgen_ray import job_server
from advgen_ray.errors import UserError
from advgen_ray.job_server import check_reachable, server_address, submit
from advgen_ray.submit import Submission

HERE = "http://127.0.0.1:8265"
REFUSED = """Request failed with status code 500: Traceback (most recent call last):
  File "packaging.py", line 446, in upload
ValueError: Package size (600.00MiB) exceeds the maximum size of 512.00MiB.
."""


class HandshakeError(Exception):
    """As aiohttp's, on which Ray's client stands: neither an OSError nor a RuntimeError."""


BAD_GATEWAY = HandshakeError("502, message='Invalid response status'")


class Server:
    """A client whose server does what it is told, in turn: text of the log, a status, or an error."""

    def __init__(self, logs: list[str | Exception], states: list[str | Exception]) -> None:
        self.logs, self.states = logs, states
        self.asked = 0

    def submit_job(self, **_: Any) -> str:
        return "raysubmit_1"

    async def tail_job_logs(self, _: str) -> AsyncIterator[str]:
        told = self.logs.pop(0) if len(self.logs) > 1 else self.logs[0]
        if isinstance(told, Exception):
            raise told
        yield told

    def get_job_info(self, _: str) -> Any:
        self.asked += 1
        told = self.states.pop(0) if len(self.states) > 1 else self.states[0]
        if isinstance(told, Exception):
            raise told
        status = SimpleNamespace(value=told, is_terminal=lambda: told != "RUNNING")
        return SimpleNamespace(status=status, message="", driver_exit_code=None)


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch) -> Callable[[Any], int]:
    monkeypatch.setattr(job_server, "check_reachable", lambda _: None)
    monkeypatch.setattr(job_server.time, "sleep", lambda _: None)

    def submitted(client: Any) -> int:
        monkeypatch.setattr(job_server, "_client", lambda _: client)
        with ThreadPoolExecutor(1) as thread:  # in the main one a browser's test may have left its event loop running
            return thread.submit(submit, Submission("python jobs/report.py", {}, {}), HERE).result()

    return submitted


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (RuntimeError(REFUSED), "ValueError: Package size (600.00MiB) exceeds the maximum size of 512.00MiB."),
        (ConnectionError("Connection aborted."), "Connection aborted."),
        (TimeoutError(), "TimeoutError"),
    ],
)
def test_a_job_that_is_not_taken_is_one_line(error: Exception, said: str, run: Callable[[Any], int]) -> None:
    def refuse(**_: Any) -> None:
        raise error

    with pytest.raises(UserError) as caught:
        run(SimpleNamespace(submit_job=refuse))
    assert str(caught.value) == f"{HERE} did not take the job: {said}"


def test_a_proxy_that_stumbles_is_followed_on(run: Callable[[Any], int], capsys: pytest.CaptureFixture[str]) -> None:
    server = Server(
        [BAD_GATEWAY, TimeoutError(), "one\n", "one\ntwo\n"], [BAD_GATEWAY, "RUNNING", "RUNNING", "SUCCEEDED"]
    )
    assert run(server) == 0
    told = capsys.readouterr()
    assert told.out.splitlines()[1:] == ["one", "two", "raysubmit_1 succeeded"]
    assert told.err == ""


def test_a_log_that_never_comes_is_said_and_the_end_awaited(
    run: Callable[[Any], int], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(Server([BAD_GATEWAY], ["RUNNING"] * 3 * job_server.FAILURES + ["FAILED"])) == 1
    told = capsys.readouterr().err
    assert told.count("no log: ") == told.count(f"log: ray job logs --address {HERE} --follow raysubmit_1") == 1
    assert told.endswith("advgen: raysubmit_1 failed: \n")


def test_a_server_that_is_gone_is_given_up_with_a_word_on_how_to_go_on(
    run: Callable[[Any], int], capsys: pytest.CaptureFixture[str]
) -> None:
    server = Server(["one\n"], [RuntimeError("")])
    assert run(server) == 1
    assert server.asked == job_server.FAILURES
    told = capsys.readouterr().err
    assert "raysubmit_1 lost: the job server is gone: RuntimeError\n" in told
    assert f"log: ray job logs --address {HERE} --follow raysubmit_1" in told


def test_what_speaks_no_http_is_no_cluster() -> None:
    with pytest.raises(UserError, match="nonnumeric port: 'five'"):
        check_reachable("http://localhost:five")
    with socket.create_server(("127.0.0.1", 0)) as strange:

        def greet() -> None:
            connection, _ = strange.accept()
            with connection:
                connection.recv(10_000)
                connection.sendall(b"SSH-2.0-OpenSSH_9.6\r\n")

        thread = threading.Thread(target=greet)
        thread.start()
        with pytest.raises(UserError, match=r"no cluster at .*: SSH-2\.0-OpenSSH_9\.6; start one"):
            check_reachable(f"http://127.0.0.1:{strange.getsockname()[1]}")
        thread.join()


@pytest.mark.parametrize("address", ["localhost:8265", "http://", "ray://localhost:10001", "http:///x"])
def test_half_an_address_is_refused(address: str) -> None:
    with pytest.raises(UserError, match="expected a job server's address"):
        server_address(address)
