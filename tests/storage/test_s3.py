"""Files on a real S3 API: whole or not at all, patient with what passes, one clear line for what does not."""

import os
import pickle
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from pyarrow import fs

from advgen_ray.errors import UserError
from advgen_ray.storage import filesystem, s3
from tests.faulty_proxy import Faults, faulty_proxy
from tests.s3_server import SwiftServer

WRITE = (
    "import sys; from advgen_ray.storage.filesystem import write_atomic; write_atomic(sys.argv[1], bytes(24 * 2**20))"
)
MIB = 2**20


@pytest.fixture
def faults(bucket: str, s3_server: SwiftServer, monkeypatch: pytest.MonkeyPatch) -> Iterator[Faults]:
    """Between us and the server stands one that misbehaves when told to; what fails is tried three times."""
    monkeypatch.setattr(s3, "ATTEMPTS", 3)
    s3._connected.cache_clear()
    with faulty_proxy(s3_server.endpoint) as (address, found):
        monkeypatch.setenv("AWS_ENDPOINT_URL", address)
        yield found


def test_files_are_written_read_listed_copied_and_removed(bucket: str) -> None:
    for name in ("set/plan.json", "set/shards/b c.parquet", "set/shards/a+%.parquet"):
        filesystem.write_atomic(f"{bucket}/{name}", name.encode() * 1000)
    assert filesystem.read_bytes(f"{bucket}/set/shards/a+%.parquet") == b"set/shards/a+%.parquet" * 1000
    assert filesystem.list_names(f"{bucket}/set/shards") == ["a+%.parquet", "b c.parquet"]
    assert filesystem.list_names(f"{bucket}/set") == ["plan.json"]
    assert filesystem.list_names(f"{bucket}/nothing") == []
    copy = filesystem.local_copy(f"{bucket}/set")
    assert sorted(str(path.relative_to(copy)) for path in copy.rglob("*.*")) == [
        "plan.json", "shards/a+%.parquet", "shards/b c.parquet",
    ]  # fmt: skip
    assert filesystem.local_copy(f"{bucket}/set/plan.json").read_bytes() == b"set/plan.json" * 1000
    assert filesystem.exists(f"{bucket}/set")
    filesystem.remove_file(f"{bucket}/set/plan.json")
    filesystem.remove_file(f"{bucket}/set/plan.json")
    filesystem.remove_tree(f"{bucket}/set")
    assert not filesystem.exists(f"{bucket}/set/shards/b c.parquet")
    with pytest.raises(FileNotFoundError):
        filesystem.read_bytes(f"{bucket}/set/plan.json")
    with pytest.raises(UserError, match=r"set: not found; check the address and AWS_ENDPOINT_URL"):
        filesystem.local_copy(f"{bucket}/set")


def test_a_probe_leaves_nothing(bucket: str) -> None:
    filesystem.ensure_writable(f"{bucket}/out")
    assert filesystem.list_names(f"{bucket}/out") == []


@pytest.mark.parametrize("size", [10, 12 * MIB])
def test_an_overwrite_is_the_old_or_the_new(bucket: str, size: int) -> None:
    for content in (b"o" * size, b"n" * size):
        filesystem.write_atomic(f"{bucket}/x", content)
        assert filesystem.read_bytes(f"{bucket}/x") == content


@pytest.mark.parametrize("former", [None, b"old"])
def test_a_killed_upload_leaves_what_was_there(bucket: str, faults: Faults, former: bytes | None) -> None:
    if former:
        filesystem.write_atomic(f"{bucket}/x", former)
    faults.seen.clear()
    faults.bytes_a_second = 4 * MIB  # 24 MiB in several parts: six seconds
    writer = subprocess.Popen([sys.executable, "-c", WRITE, f"{bucket}/x"])
    while sum("partNumber" in request for request in faults.seen) < 2:
        assert writer.poll() is None
        time.sleep(0.05)
    writer.send_signal(signal.SIGKILL)
    writer.wait()
    faults.bytes_a_second = 0
    assert filesystem.exists(f"{bucket}/x") == (former is not None)
    if former:
        assert filesystem.read_bytes(f"{bucket}/x") == former


@pytest.mark.parametrize("request_of", ["?uploads", "partNumber=2", "?uploadId"])
@pytest.mark.parametrize("former", [None, b"old"])
def test_an_upload_that_fails_leaves_what_was_there(
    bucket: str, faults: Faults, former: bytes | None, request_of: str
) -> None:
    if former:
        filesystem.write_atomic(f"{bucket}/x", former)
    faults.queue, faults.only = ["503"] * s3.ATTEMPTS, request_of  # all else succeeds, what closes a stream too
    assert "the server failed every attempt" in _said(filesystem.write_atomic, f"{bucket}/x", bytes(24 * MIB))
    assert filesystem.exists(f"{bucket}/x") == (former is not None)
    if former:
        assert filesystem.read_bytes(f"{bucket}/x") == former


def test_a_checkpoint_that_ray_fails_to_copy_is_not_there(bucket: str, faults: Faults, tmp_path: Path) -> None:
    (tmp_path / "tensors").write_bytes(bytes(24 * MIB))
    faults.queue, faults.only = ["503"] * s3.ATTEMPTS, "?uploads"
    there, path = filesystem.resolve(f"{bucket}/checkpoint")
    with pytest.raises(OSError, match="CreateMultipartUpload"):
        fs.copy_files(str(tmp_path), path, destination_filesystem=there)
    assert filesystem.list_names(f"{bucket}/checkpoint") == []


@pytest.mark.parametrize(("size", "requests"), [(0, 1), (s3.SINGLE_PUT, 1), (s3.SINGLE_PUT + 1, 3)])
def test_a_small_file_is_one_request(bucket: str, faults: Faults, size: int, requests: int) -> None:
    filesystem.write_atomic(f"{bucket}/x", bytes(size))
    assert len(faults.seen) == requests
    assert filesystem.read_bytes(f"{bucket}/x") == bytes(size)


@pytest.mark.parametrize("slow_to_start", [0.0, 1.0])
def test_an_interrupt_between_opening_and_writing_stores_no_empty_file(
    bucket: str, monkeypatch: pytest.MonkeyPatch, slow_to_start: float
) -> None:
    opened, started = s3.PatientS3.open_output_stream, threading.Thread.start

    def interrupted(self: s3.PatientS3, path: str) -> Any:
        stream = opened(self, path)
        signal.raise_signal(signal.SIGINT)
        return stream

    def start(thread: threading.Thread) -> None:
        started(thread)
        time.sleep(slow_to_start)

    monkeypatch.setattr(s3.PatientS3, "open_output_stream", interrupted)
    monkeypatch.setattr(threading.Thread, "start", start)
    former = signal.signal(signal.SIGINT, signal.default_int_handler)  # a worker of pytest's pays no heed to it
    try:
        with pytest.raises(KeyboardInterrupt):
            filesystem.write_atomic(f"{bucket}/x", b"content")
    finally:
        signal.signal(signal.SIGINT, former)
    assert filesystem.read_bytes(f"{bucket}/x") == b"content"


@pytest.mark.parametrize("fault", ["503", "drop", "slow"])
def test_what_passes_costs_time_and_nothing_else(bucket: str, faults: Faults, fault: str) -> None:
    times = 1 if fault == "slow" else 2  # what is slow succeeds
    faults.queue = [fault] * times
    filesystem.write_atomic(f"{bucket}/x", b"content")
    assert not faults.queue
    faults.queue = [fault] * times
    assert filesystem.read_bytes(f"{bucket}/x") == b"content"
    faults.queue = [fault]
    assert filesystem.list_names(bucket) == ["x"]


def test_a_server_that_is_killed_and_comes_back_is_waited_for(bucket: str, s3_server: SwiftServer) -> None:
    filesystem.write_atomic(f"{bucket}/before", b"kept")
    s3_server.kill()
    starting = threading.Timer(3.0, s3_server.start)
    starting.start()
    filesystem.write_atomic(f"{bucket}/after", b"written")
    starting.join()
    assert filesystem.read_bytes(f"{bucket}/before") == b"kept"
    assert filesystem.read_bytes(f"{bucket}/after") == b"written"


def test_what_is_sent_to_another_process_is_as_patient(bucket: str, s3_server: SwiftServer) -> None:
    """As Ray Train writes its snapshots; pyarrow's own copy gives up within two seconds."""
    there = pickle.loads(pickle.dumps(s3.connect()))
    s3_server.kill()
    starting = threading.Timer(4.0, s3_server.start)
    starting.start()
    with there.open_output_stream(f"{bucket.removeprefix('s3://')}/snapshot") as stream:
        stream.write(b"written")
    starting.join()
    assert filesystem.read_bytes(f"{bucket}/snapshot") == b"written"


def _said(ask: Callable[..., Any], *arguments: Any) -> str:
    with pytest.raises(UserError) as error:
        ask(*arguments)
    assert "\n" not in str(error.value)
    return str(error.value)


@pytest.mark.parametrize(
    ("fault", "expected"),
    [
        ("503", "x: the server failed every attempt; run the same command again"),
        ("drop", "x: does not answer; check AWS_ENDPOINT_URL and the network"),
        ("skew", "x: refused for its time; check this machine's clock"),
    ],
)
def test_what_does_not_pass_is_one_line(bucket: str, faults: Faults, fault: str, expected: str) -> None:
    faults.always = fault
    assert f"{bucket}/{expected}" in _said(filesystem.write_atomic, f"{bucket}/x", b"content")
    assert len(faults.seen) == s3.ATTEMPTS
    if fault != "skew":  # the answer to a request without a body says 403 alone
        for ask in (filesystem.read_bytes, filesystem.ensure_writable):
            assert expected in _said(ask, f"{bucket}/x")


def test_a_wrong_secret_and_a_missing_bucket_are_told_at_once(
    bucket: str, faults: Faults, monkeypatch: pytest.MonkeyPatch
) -> None:
    said = _said(filesystem.ensure_writable, "s3://advgen-nowhere/out")
    assert said.startswith("output s3://advgen-nowhere/out: there is no such bucket; make it, or check the address")
    assert len(faults.seen) == 1
    secret = "wr0ng-" + os.environ["AWS_SECRET_ACCESS_KEY"]
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", secret)
    s3._connected.cache_clear()
    for ask in (filesystem.ensure_writable, filesystem.exists, filesystem.read_bytes):
        faults.seen.clear()
        said = _said(ask, f"{bucket}/x")
        assert len(faults.seen) == 1, "what does not pass is not tried again"
        assert "refused; check AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY" in said
        assert "wr0ng" not in said


@pytest.mark.parametrize(
    "endpoint",
    ["127.0.0.1:9000", "minio:9000", "http://minio:9000/prefix", "ftp://minio", "http://", "http://minio:port",
     "https://walter:s3/cret@minio", "https://minio?key=s3/cret"],
)  # fmt: skip
def test_half_an_address_of_a_server_does_not_go_to_amazon(endpoint: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_ENDPOINT_URL_S3", raising=False)
    monkeypatch.setenv("AWS_ENDPOINT_URL", endpoint)
    said = _said(filesystem.ensure_writable, "s3://bucket/out")
    assert said.startswith("AWS_ENDPOINT_URL '")
    assert said.endswith("': expected http://HOST:PORT or https://HOST")
    assert "s3/cret" not in said


@pytest.mark.parametrize("endpoint", ["http://[::1]:9000", "https://storage.googleapis.com/", "http://minio_1:9000"])
def test_a_whole_address_is_taken(endpoint: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", endpoint)
    assert s3.connect().place[0] == endpoint


def test_a_local_error_stays_what_it_is(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(FileExistsError):
        filesystem.write_atomic(str(tmp_path / "file" / "x"), b"")
