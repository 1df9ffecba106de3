"""A place that cannot record runs is named in one line, and without its password."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from advgen_ray.errors import UserError
from advgen_ray.tracking import check_tracking, tracked_run, tracking_uri
from advgen_ray.tracking.server import _origin, _own

REPLIES = {
    "/mlflow": (200, '{"experiments": []}'),
    "/fresh": (200, "{}"),
    "/website": (200, "<html>welcome</html>"),
    "/other": (200, '{"status": "fine"}'),
    "/missing": (404, "no such page"),
    "/locked": (401, "who are you?"),
}


class FakeServer(BaseHTTPRequestHandler):
    seen: list[tuple[str, str | None]] = []  # noqa: RUF012 - one server a test run

    def do_GET(self) -> None:
        if self.path.startswith("/to/"):
            self.send_response(302)
            self.send_header("Location", f"http://{self.path.removeprefix('/to/').partition('/api')[0]}")
            self.end_headers()
            return
        status, text = REPLIES["/" + self.path.split("/")[1]]
        type(self).seen.append((self.path, self.headers.get("Authorization")))
        self.send_response(status)
        self.end_headers()
        self.wfile.write(text.encode())

    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def _serving() -> Iterator[str]:
    http = HTTPServer(("127.0.0.1", 0), FakeServer)
    threading.Thread(target=http.serve_forever, daemon=True).start()
    yield f"127.0.0.1:{http.server_port}"
    http.shutdown()
    http.server_close()


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    with _serving() as address:
        yield address


@pytest.fixture(autouse=True)
def no_settings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("URI", "USERNAME", "PASSWORD", "TOKEN"):
        monkeypatch.delenv(f"MLFLOW_TRACKING_{name}", raising=False)
    monkeypatch.chdir(tmp_path)


def refusal(monkeypatch: pytest.MonkeyPatch, uri: str) -> str:
    """The one line that the address is refused with."""
    monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
    with pytest.raises(UserError) as caught:
        check_tracking()
    message = str(caught.value)
    assert len(message.splitlines()) == 1
    return message


def test_the_default_is_a_file_under_runs(tmp_path: Path) -> None:
    assert tracking_uri() == f"sqlite:///{tmp_path}/runs/mlflow.db"
    check_tracking()
    assert not list(tmp_path.iterdir())  # it looks, and leaves nothing behind


def test_the_default_follows_what_a_submitted_job_is_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("ADVGEN_RECORDS", f"{tmp_path}/shared")
    with tracked_run("work", {"seed": 1}):
        pass
    assert {path.name for path in (tmp_path / "shared").iterdir()} == {"mlflow.db", "mlartifacts"}


@pytest.mark.parametrize("path", ["/mlflow", "/mlflow/", "/fresh"])
def test_a_server_that_answers_as_mlflow_does_is_accepted(
    monkeypatch: pytest.MonkeyPatch, server: str, path: str
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"http://{server}{path}")
    check_tracking()
    assert FakeServer.seen[-1][0].endswith("/api/2.0/mlflow/experiments/search?max_results=1")


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("/website", "not as MLflow"),
        ("/other", "not as MLflow"),
        ("/missing", "404"),
        ("/locked", "MLFLOW_TRACKING_TOKEN"),
    ],
)
def test_another_server_is_refused(monkeypatch: pytest.MonkeyPatch, server: str, path: str, words: str) -> None:
    assert words in refusal(monkeypatch, f"http://{server}{path}")


def test_nobody_there(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    message = refusal(monkeypatch, f"http://127.0.0.1:{port}")
    assert f"127.0.0.1:{port}" in message
    assert "refused" in message
    assert "MLFLOW_TRACKING_URI" in message


@pytest.mark.parametrize("greeting", [b"SSH-2.0-OpenSSH_9.6\r\n", b"\xff\n"])
def test_what_speaks_no_http_is_refused(monkeypatch: pytest.MonkeyPatch, greeting: bytes) -> None:
    with socket.create_server(("127.0.0.1", 0)) as strange:

        def greet() -> None:
            connection, _ = strange.accept()
            with connection:
                connection.recv(10_000)
                connection.sendall(greeting)

        thread = threading.Thread(target=greet)
        thread.start()
        assert "cannot be reached" in refusal(monkeypatch, f"http://127.0.0.1:{strange.getsockname()[1]}")
        thread.join()


def test_half_an_address_of_a_server_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    assert "nonnumeric port: 'five'" in refusal(monkeypatch, "http://localhost:five")
    assert "Invalid IPv6 URL" in refusal(monkeypatch, "http://[::1")
    for password in ("s3/cret", "s3?cret", "s3#cret"):
        message = refusal(monkeypatch, f"http://walter:{password}@localhost:5000")
        assert "write %2F" in message
        assert "http://***@localhost:5000" in message
        assert not any(part in message for part in ("walter", "s3", "cret"))


def test_a_server_that_never_answers_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("advgen_ray.tracking.server.CHECK_TIMEOUT_SECONDS", 0.5)
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        assert "timed out" in refusal(monkeypatch, f"http://127.0.0.1:{silent.getsockname()[1]}")


def test_credentials_are_sent_and_never_shown(monkeypatch: pytest.MonkeyPatch, server: str) -> None:
    message = refusal(monkeypatch, f"http://walter:s3cret@{server}/locked")
    assert "s3cret" not in message
    assert "walter" not in message
    assert FakeServer.seen[-1][1] == "Basic d2FsdGVyOnMzY3JldA=="  # walter:s3cret
    assert "s3cret" not in refusal(monkeypatch, "ftp://walter:s3cret@host/path?key=s3cret")
    monkeypatch.setenv("MLFLOW_TRACKING_TOKEN", "t0ken")
    refusal(monkeypatch, f"http://{server}/locked")
    assert FakeServer.seen[-1][1] == "Bearer t0ken"


@pytest.fixture
def other_server() -> Iterator[str]:
    with _serving() as address:
        yield address


def test_credentials_do_not_follow_to_another_server(
    monkeypatch: pytest.MonkeyPatch, server: str, other_server: str
) -> None:
    for start in (f"http://walter:s3cret@{server}", f"http://{server}"):
        monkeypatch.setenv("MLFLOW_TRACKING_URI", f"{start}/to/{other_server}/mlflow")
        check_tracking()
        assert FakeServer.seen[-1] == ("/mlflow", None)
        monkeypatch.setenv("MLFLOW_TRACKING_URI", f"{start}/to/{server}/mlflow")
        check_tracking()
        assert FakeServer.seen[-1][1] is not None, "the same, under another path"
        monkeypatch.setenv("MLFLOW_TRACKING_TOKEN", "t0ken")


@pytest.mark.parametrize(
    ("start", "end", "own"),
    [
        ("http://h/a", "http://h:80/b", True),
        ("http://h/a", "https://h/a", True),
        ("https://h/a", "http://h/a", False),
        ("http://h:5000/a", "https://h/a", False),
        ("http://h/a", "http://h.evil/a", False),
        ("http://h/a", "http://h:81/a", False),
    ],
)
def test_which_server_is_the_same(start: str, end: str, own: bool) -> None:
    assert (_origin(end) in _own(_origin(start))) == own


@pytest.mark.parametrize("uri", ["mlruns", "file:///tmp/mlruns", "ftp://host", "http:/typo", "sqlite:/mlflow.db"])
def test_an_address_of_no_known_kind_is_refused(monkeypatch: pytest.MonkeyPatch, uri: str) -> None:
    refusal(monkeypatch, uri)


def test_a_file_that_is_no_database_is_left_alone(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    notes = tmp_path / "notes.db"
    notes.write_text("my notes, not a database")
    assert "not an sqlite database" in refusal(monkeypatch, f"sqlite:///{notes}")
    assert notes.read_text() == "my notes, not a database"


def test_a_place_that_cannot_be_written_is_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("a file, not a folder")
    assert "cannot write" in refusal(monkeypatch, f"sqlite:///{tmp_path}/taken/mlflow.db")
