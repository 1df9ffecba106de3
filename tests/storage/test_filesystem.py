"""Files are written whole or not at all, whoever is killed when; one address form for disk and S3."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from pyarrow import fs

from advgen_ray.errors import UserError
from advgen_ray.storage import filesystem

# Stops for good between the flushed temporary file and its rename: the moment that a naive writer gets wrong.
KILLED_BEFORE_RENAME = """
import os, pathlib, signal, sys
from advgen_ray.storage.filesystem import write_atomic
pathlib.Path.replace = lambda self, target: os.kill(os.getpid(), signal.SIGKILL)
write_atomic(sys.argv[1], b"new" * 100_000)
"""


def _write_and_be_killed(target: Path) -> None:
    killed = subprocess.run([sys.executable, "-c", KILLED_BEFORE_RENAME, str(target)])
    assert killed.returncode == -signal.SIGKILL


def test_a_written_file_reads_back(tmp_path: Path) -> None:
    target = str(tmp_path / "a" / "b.bin")
    filesystem.write_atomic(target, b"\x00\xff" * 1000)
    assert filesystem.read_bytes(target) == b"\x00\xff" * 1000
    assert filesystem.read_bytes(f"file://{target}") == b"\x00\xff" * 1000
    assert filesystem.exists(target)
    assert filesystem.list_names(str(tmp_path / "a")) == ["b.bin"]
    assert os.listdir(tmp_path / "a") == ["b.bin"]


def test_a_killed_writer_leaves_nothing_visible_and_its_rest_is_removed(tmp_path: Path) -> None:
    _write_and_be_killed(tmp_path / "shard")
    assert not filesystem.exists(str(tmp_path / "shard"))
    assert filesystem.list_names(str(tmp_path)) == []
    assert len(os.listdir(tmp_path)) == 1  # the killed writer's temporary file
    assert filesystem.remove_dead_partials(str(tmp_path)) == 1
    assert os.listdir(tmp_path) == []


def test_a_killed_overwrite_keeps_the_former_file(tmp_path: Path) -> None:
    filesystem.write_atomic(str(tmp_path / "plan.json"), b"old")
    _write_and_be_killed(tmp_path / "plan.json")
    assert filesystem.read_bytes(str(tmp_path / "plan.json")) == b"old"


def test_a_live_writer_keeps_its_partial_file(tmp_path: Path) -> None:
    live = tmp_path / f".shard~{filesystem._writer()}{filesystem.PARTIAL}"
    foreign = tmp_path / f".shard~another-machine~1~0{filesystem.PARTIAL}"
    live.touch()
    foreign.touch()
    assert filesystem.remove_dead_partials(str(tmp_path)) == 0
    os.utime(foreign, (0, 0))
    assert filesystem.remove_dead_partials(str(tmp_path)) == 1
    assert live.exists()
    assert not foreign.exists()


def test_a_failed_write_leaves_no_rest(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_space(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", no_space)
    with pytest.raises(OSError, match="No space left"):
        filesystem.write_atomic(str(tmp_path / "x"), b"data")
    assert os.listdir(tmp_path) == []


def test_an_unwritable_output_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(UserError, match=r"output .*file/out: cannot be written \(.+\); choose another place"):
        filesystem.ensure_writable(str(tmp_path / "file" / "out"))
    with pytest.raises(UserError, match="cannot be written"):
        filesystem.ensure_writable("/proc/advgen")


def test_a_writable_output_is_left_empty(tmp_path: Path) -> None:
    filesystem.ensure_writable(str(tmp_path / "new" / "out"))
    assert os.listdir(tmp_path / "new" / "out") == []


@pytest.mark.parametrize("address", ["gs://bucket/key", "s3://", "http://host/x"])
def test_an_address_of_no_known_form_is_refused(address: str) -> None:
    with pytest.raises(UserError, match="expected"):
        filesystem.resolve(address)


def test_s3_takes_its_endpoint_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "key")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    remote, path = filesystem.resolve("s3://bucket/some/key/")
    assert isinstance(remote, fs.S3FileSystem)
    assert path == "bucket/some/key"
    assert remote.region == "us-east-1"


def test_a_local_directory_is_its_own_copy(tmp_path: Path) -> None:
    assert filesystem.local_copy(str(tmp_path)) == tmp_path


@pytest.mark.parametrize(
    ("outputs", "parent"),
    [
        (["runs/a"], "runs/a"),
        (["runs/a/"], "runs/a"),
        (["runs/a", "runs/b/c"], "runs"),
        (["runs/ab", "runs/abc"], "runs"),
        (["a", "b"], "."),
        (["/x/a", "/x/b"], "/x"),
        (["s3://bucket/x/a", "s3://bucket/x/b"], "s3://bucket/x"),
    ],
)
def test_common_parent(outputs: list[str], parent: str) -> None:
    assert filesystem.common_parent(outputs) == parent
