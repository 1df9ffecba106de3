"""Secrets of the environment, planted for a real job, are in nothing that it says, stores, tracks or leaves behind."""

import base64
import os
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.parse
from collections.abc import Iterator, Mapping
from pathlib import Path

import psutil
import pytest

from advgen_ray.config import AttackConfig, CompareLossesConfig, GenerateConfig, LossConfig, TrainClassifierConfig
from advgen_ray.errors import UserError
from advgen_ray.submit import prepare
from advgen_ray.tracking import tracked_run, writer
from advgen_ray.tracking.server import without_secrets
from tests.s3_server import SwiftServer
from tests.small_training import classifier_config
from tests.tracking.mlflow_server import MlflowServer

ROOT = Path(__file__).parents[1]
SECONDS_FOR_A_JOB = 480
PLANTED = {
    "MLFLOW_TRACKING_PASSWORD": "planted-password-5b1c",
    "HF_TOKEN": "hf_planted6d2e",
    "AWS_SESSION_TOKEN": "planted-session-71aa",
    "RAY_AUTH_TOKEN": "planted0ray0token0" + 14 * "9f",
}
IN_ADDRESS = "planted-in-address-93c4"


def _spellings(secrets: Mapping[str, str]) -> dict[bytes, str]:
    """What to look for: each secret as it is, in an address, and as a server is sent it."""
    found = {}
    for name, secret in secrets.items():
        for text in (secret, urllib.parse.quote(secret, safe="")):
            found[text.encode()] = name
        for offset in range(3):  # wherever it begins among the bytes that base64 takes three at a time
            encoded = base64.b64encode(b"u" * offset + secret.encode())
            found[encoded[4:-4]] = f"{name} in base64"
    return found


def _leaks(spellings: Mapping[bytes, str], folder: Path) -> Iterator[str]:
    for file in folder.rglob("*"):
        if file.is_file() and not file.is_symlink():
            content = file.read_bytes() + str(file.relative_to(folder)).encode()
            for text, name in spellings.items():
                if text in content:
                    yield f"{name} in {file}"


def _command_lines(process: psutil.Process) -> str:
    lines = []
    for one in [process, *process.children(recursive=True)]:
        try:
            lines.append(" ".join(one.cmdline()))
        except psutil.Error:  # it has just ended
            continue
    return "\n".join(lines)


@pytest.fixture
def ray_folder() -> Iterator[Path]:
    """Ray's own files of one cluster; its sockets have room for a short path only."""
    folder = Path(tempfile.mkdtemp(prefix="adv", dir="/tmp"))
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


@pytest.mark.ray
@pytest.mark.long
def test_a_job_with_secrets_in_its_environment_leaves_none(
    bucket: str, s3_server: SwiftServer, ray_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The secret key of S3 is the real one: the job cannot do without it."""
    for name, value in PLANTED.items():
        monkeypatch.setenv(name, value)
    (tmp_path / "served").mkdir()
    server = MlflowServer(tmp_path / "served")
    server.start()
    secrets = {**PLANTED, "AWS_SECRET_ACCESS_KEY": s3_server.secret, "MLFLOW_TRACKING_URI": IN_ADDRESS}
    spellings = _spellings(secrets)
    environment = {
        "MLFLOW_TRACKING_URI": server.uri.replace("//", f"//walter:{IN_ADDRESS}@"),
        "MLFLOW_EXPERIMENT_NAME": "planted",
        "MLFLOW_TRACKING_USERNAME": "walter",
        "RAY_TMPDIR": str(ray_folder),
        "RAY_ADDRESS": "",
        "RAY_AUTH_MODE": "token",
        "PYTHONPATH": str(ROOT),
        "HOME": str(tmp_path / "home"),
    }
    (tmp_path / "home").mkdir()
    try:
        said = _run_job(f"{bucket}/losses", tmp_path, environment, spellings)
        _check_left(said, server, tmp_path)
        (tmp_path / "stored").mkdir()
        _download(bucket, tmp_path / "stored")
        assert (tmp_path / "stored/losses/report.html").exists()
        assert (tmp_path / "stored/losses/sat/seed-0/model/model.json").exists()
        assert list(ray_folder.rglob("raylet.out")), "this is where Ray's logs are"
        # What waits for a server that went away.
        monkeypatch.setenv("MLFLOW_TRACKING_URI", environment["MLFLOW_TRACKING_URI"])
        _leave_unsent(server, tmp_path, monkeypatch)
        assert not [*_leaks(spellings, tmp_path), *_leaks(spellings, ray_folder)]
        (tmp_path / "home" / "control").write_text(f"walter:{IN_ADDRESS}")
        assert len(list(_leaks(spellings, tmp_path))) == 1, "the search finds what is there"
    finally:
        server.kill()


def _run_job(output: str, folder: Path, environment: Mapping[str, str], spellings: Mapping[bytes, str]) -> str:
    """A comparison of two losses as a user starts it; what it printed."""
    attack = AttackConfig(num_steps=1)
    training = classifier_config(
        Path("unused"), attack=attack, evaluation_attack=attack, num_epochs=1, num_evaluation_images=50
    )
    losses = (LossConfig(loss="sat"), LossConfig(loss="trades", start="near"))
    config = CompareLossesConfig(training=training, losses=losses, seeds=(0,), output=output)
    (folder / "config.yaml").write_text(config.to_yaml())
    command = [sys.executable, str(ROOT / "jobs/compare_losses.py"), "--config", "config.yaml"]
    log = folder / "job.log"
    with log.open("wb") as out:
        job = subprocess.Popen(command, cwd=folder, env=os.environ | environment, stdout=out, stderr=subprocess.STDOUT)
    deadline = time.monotonic() + SECONDS_FOR_A_JOB
    try:
        while job.poll() is None:
            lines = _command_lines(psutil.Process(job.pid)).encode()
            assert not [name for text, name in spellings.items() if text in lines], "anyone may read command lines"
            assert time.monotonic() < deadline, log.read_text()[-3000:]
            time.sleep(0.5)
    finally:
        job.kill()
    assert job.returncode == 0, log.read_text()[-3000:]
    return log.read_text()


def _check_left(said: str, server: MlflowServer, folder: Path) -> None:
    """The places that are searched hold what they should."""
    assert "sat" in said
    database = b"".join(path.read_bytes() for path in (folder / "served").glob("served.db*"))
    assert b"planted" in database
    assert b"/losses/sat/seed-0" in database
    assert {path.name for path in (folder / "served" / "served").rglob("*")} >= {"MLmodel", "model.pt2", "config.json"}


def _download(bucket: str, folder: Path) -> None:
    from pyarrow import fs

    from advgen_ray.storage import s3

    fs.copy_files(
        bucket.removeprefix("s3://"),
        str(folder),
        source_filesystem=s3.connect(),
        destination_filesystem=fs.LocalFileSystem(),
    )


def _leave_unsent(server: MlflowServer, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)
    monkeypatch.setattr(writer, "PATIENCE", 1.0)
    with tracked_run("left", {"output": "runs/left"}) as run:
        server.kill()
        run.log_metrics({"loss": 1.0})
    assert list((folder / "runs/unsent").glob("*.json"))


@pytest.mark.parametrize(
    "address", ["s3://AKIA:hunter2@bucket/x", "s3://AKIA:hun/hunter2@bucket/x", "http://hunter2@h"]
)
@pytest.mark.parametrize("key", ["output", "data.root", "score_model"])
def test_a_config_takes_no_credentials_and_does_not_repeat_them(key: str, address: str) -> None:
    with pytest.raises(UserError, match=f"{key}: .*AWS_SECRET_ACCESS_KEY") as caught:
        GenerateConfig().override([f"{key}={address}"])
    assert "hunter2" not in str(caught.value)
    with pytest.raises(ValueError, match="credentials"):
        TrainClassifierConfig(output=address)
    with pytest.raises(UserError) as caught:
        prepare("generate_counterfactuals", "http://127.0.0.1:8265", assignments=[f"{key}={address}"])
    assert "hunter2" not in str(caught.value)
    assert GenerateConfig().override([f"{key}=s3://bucket/a@b"])


def test_what_mlflow_says_is_told_without_what_opens_its_server(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://walter:a%2Fb-c3cret@host:1/")
    monkeypatch.setenv("MLFLOW_TRACKING_TOKEN", "t0ken")
    said = without_secrets("http://walter:a%2Fb-c3cret@host:1/api failed for a/b-c3cret, Bearer t0ken")
    assert said == "http://***@host:1/api failed for ***, Bearer ***"
