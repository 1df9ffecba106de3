"""What `advgen submit` sends, every mistake that it finds before anything is sent, and the code that it ends with."""

import json
import re
import shutil
import subprocess
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from ray.job_submission import JobDetails

from advgen_ray import job_server
from advgen_ray.errors import UserError
from advgen_ray.submit import Submission, prepare

ROOT = Path(__file__).parent.parent
HERE, ELSEWHERE = "http://127.0.0.1:8265", "http://ray.example.org:8265"


@pytest.fixture(autouse=True)
def _at_the_root(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    for name in ("MLFLOW_TRACKING_URI", "MLFLOW_EXPERIMENT_NAME", "RAY_ADDRESS", "RAY_API_SERVER_ADDRESS"):
        monkeypatch.delenv(name, raising=False)


def test_a_submission_is_the_job_with_its_arguments() -> None:
    sent = prepare(
        "train_classifier", ELSEWHERE, recipe="cifar10_classifier", assignments=["output=s3://b/it's", "seed=3"]
    )
    assert sent.entrypoint == (
        "python jobs/train_classifier.py --recipe cifar10_classifier --set 'output=s3://b/it'\"'\"'s' --set seed=3"
    )
    assert sent.runtime_env["working_dir"] == str(ROOT)
    assert re.fullmatch("[0-9a-f]{16}", sent.metadata["config_digest"])


def _started(entrypoint: str, place: Path) -> subprocess.CompletedProcess[str]:
    """What the shell of a job does that is begun in ``place``, which says where it is in the job's place."""
    command = entrypoint.removesuffix("python jobs/report.py") + "pwd"
    assert command != entrypoint
    return subprocess.run(command, shell=True, cwd=place, capture_output=True, text=True, check=False)


def test_a_relative_output_stays_with_the_checkout_on_this_machine(tmp_path: Path) -> None:
    for address in (HERE, "http://localhost:8265", "http://[::1]:8265"):
        done = _started(prepare("report", address).entrypoint, tmp_path)
        assert (done.returncode, done.stdout, done.stderr) == (0, f"{ROOT}\n", "")


def test_a_loopback_address_that_is_a_tunnel_to_another_machine_is_found_out_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    boot_id, checkout = tmp_path / "boot_id", tmp_path / "it's mine"
    monkeypatch.setattr("advgen_ray.submit.BOOT_ID", str(boot_id))
    (checkout / "jobs").mkdir(parents=True)
    (checkout / "jobs" / "report.py").touch()
    for of_this_machine in ("", "a1-b2\n"):  # some have none
        boot_id.write_text(of_this_machine) if of_this_machine else boot_id.unlink(missing_ok=True)
        entrypoint = prepare("report", HERE, working_dir=str(checkout)).entrypoint
        assert _started(entrypoint, tmp_path).stdout == f"{checkout}\n"
        boot_id.write_text("c3-d4\n")  # another machine, where a checkout lies at the same path
        done = _started(entrypoint, tmp_path)
        assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1)
        assert done.stderr.startswith("error: 'runs/demo' would lie on another machine")
        assert "--set output=s3://BUCKET/NAME" in done.stderr
    boot_id.write_text(of_this_machine)  # another container of this one, without
    shutil.rmtree(checkout)
    assert _started(entrypoint, tmp_path).returncode == 2


def test_a_relative_output_is_refused_elsewhere() -> None:
    with pytest.raises(UserError, match="s3://"):
        prepare("report", ELSEWHERE)
    prepare("report", ELSEWHERE, assignments=["output=/shared/report"])


def test_tracking_goes_along_and_passwords_do_not(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_EXPERIMENT_NAME", "mine")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://mlflow.example.org")
    sent = prepare("report", HERE, variables=["A=b=c"]).runtime_env["env_vars"]
    assert sent["MLFLOW_TRACKING_URI"] == "http://mlflow.example.org"
    assert (sent["MLFLOW_EXPERIMENT_NAME"], sent["A"]) == ("mine", "b=c")


@pytest.mark.parametrize(
    "address", ["http://walter:s3cret@h", "http://walter:a/s3cret@h", "http://h/mlflow?key=s3cret"]
)
def test_an_address_with_a_secret_stays_here_and_that_is_said(
    address: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", address)
    assert "s3cret" not in json.dumps(prepare("report", HERE).runtime_env)
    told = capsys.readouterr().err
    assert told.startswith("advgen: warning: MLFLOW_TRACKING_URI stays here")
    assert (told.count("\n"), "s3cret" in told) == (1, False)


def test_a_database_on_shared_storage_goes_along(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "sqlite:////shared/mlflow.db")
    sent = prepare("report", ELSEWHERE, assignments=["output=/shared/report"]).runtime_env["env_vars"]
    assert sent["MLFLOW_TRACKING_URI"] == "sqlite:////shared/mlflow.db"


def test_the_record_lies_beside_an_output_that_lasts(capsys: pytest.CaptureFixture[str]) -> None:
    def records(output: str, *variables: str) -> str | None:
        sent = prepare("report", HERE, assignments=[f"output={output}"], variables=variables)
        return sent.runtime_env["env_vars"].get("ADVGEN_RECORDS")

    assert records("/shared/walter/report") == "/shared/walter"
    assert records("/shared/walter/report", "ADVGEN_RECORDS=/elsewhere") == "/elsewhere"
    assert records("runs/report") is None, "the job runs in the checkout"
    assert records("s3://bucket/report", "MLFLOW_TRACKING_URI=http://mlflow.example.org") is None
    assert capsys.readouterr().err == ""
    for output in ("s3://bucket/report", "/report"):
        assert records(output) is None
        assert "MLflow's record is deleted with the job's copy" in capsys.readouterr().err


def test_a_config_file_must_travel(tmp_path: Path) -> None:
    checkout = tmp_path / "checkout"
    (checkout / "jobs").mkdir(parents=True)
    (checkout / "jobs" / "train_classifier.py").touch()

    def sent(file: Path) -> str:
        return prepare("train_classifier", HERE, config_file=str(file), working_dir=str(checkout)).entrypoint

    for file in (checkout / "inside.yaml", tmp_path / "outside.yaml"):
        file.write_text("seed: 3\n")
    assert sent(checkout / "inside.yaml").endswith("python jobs/train_classifier.py --config inside.yaml")
    with pytest.raises(UserError, match="outside the working directory"):
        sent(tmp_path / "outside.yaml")
    with pytest.raises(UserError, match="give the path of a YAML file"):
        sent(checkout / "missing.yaml")


@pytest.mark.parametrize("variable", ["NOVALUE", "=x", "two words=x"])
def test_a_variable_needs_a_name_and_a_value(variable: str) -> None:
    with pytest.raises(UserError, match="expected NAME=VALUE"):
        prepare("report", HERE, variables=[variable])


@pytest.mark.parametrize(
    "variable",
    [
        "MLFLOW_TRACKING_PASSWORD=s3cret",
        "MLFLOW_TRACKING_TOKEN=s3cret",
        "AWS_SECRET_ACCESS_KEY=s3cret",
        "AWS_ACCESS_KEY_ID=s3cret",
        "my_token=s3cret",
        "WANDB_API_KEY=s3cret",
        "AZURE_STORAGE_CONNECTION_STRING=s3cret",
        "AZURE_STORAGE_ACCOUNT_KEY=s3cret",
        "PGPASS=s3cret",
        "DB_PASS=s3cret",
        "SSH_PASSPHRASE=s3cret",
        "AWS_CREDENTIALS=s3cret",
        "GOOGLE_APPLICATION_CREDENTIALS_JSON=s3cret",
        "GITHUB_PRIVATE_KEY=s3cret",
        "MLFLOW_TRACKING_URI=https://walter:s3cret@mlflow.example.org",
        "MLFLOW_TRACKING_URI=https://walter:a/s3cret@mlflow.example.org",
        "MLFLOW_TRACKING_URI=http://h/?token=s3cret",
        "DB_PWD=s3cret",
        "MYSQL_PW=s3cret",
        "SSH_KEY=s3cret",
        "SIGNING_KEY=s3cret",
        "OPENAI_KEY=s3cret",
        "AZURE_STORAGE_SAS=s3cret",
        "MY_AUTH=s3cret",
        "HTTP_AUTHORIZATION=s3cret",
    ],
)
def test_a_secret_is_refused_and_not_repeated(variable: str) -> None:
    with pytest.raises(UserError, match="put it into the environment of the nodes") as refused:
        prepare("report", HERE, variables=[variable])
    assert "s3cret" not in str(refused.value)
    assert variable.partition("=")[0] in str(refused.value)


@pytest.mark.parametrize(
    "variable",
    [
        "AWS_ENDPOINT_URL=https://storage.googleapis.com",
        "AWS_WEB_IDENTITY_TOKEN_FILE=/var/run/token",
        "TOKENIZERS_PARALLELISM=false",
        "GOOGLE_APPLICATION_CREDENTIALS=/etc/key.json",
        "KEYBOARD=us",
        "BYPASS=1",
        "RAY_AUTH_MODE=token",
        "SSH_AUTH_SOCK=/run/agent",
        "SSH_PUBLIC_KEY=ssh-ed25519",
        "SSH_KEY_PATH=/etc/key",
        "PWD=/home/walter",
        "AUTHOR=walter",
        "MLFLOW_TRACKING_URI=http://mlflow.example.org/team",
        "MAIL=walter@example.org",
    ],
)
def test_what_is_no_secret_goes_along(variable: str) -> None:
    name, _, value = variable.partition("=")
    assert prepare("report", HERE, variables=[variable]).runtime_env["env_vars"][name] == value


def test_another_directory_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="give a checkout"):
        prepare("report", HERE, working_dir=str(tmp_path))


@pytest.mark.parametrize(
    ("status", "exit_code", "code"),
    [("SUCCEEDED", 0, 0), ("FAILED", 3, 3), ("FAILED", 2, 2), ("FAILED", None, 1), ("STOPPED", None, 1)],
)
def test_a_job_ends_here_with_the_code_that_it_ended_with(
    status: str, exit_code: int | None, code: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    class Client:
        def submit_job(self, **_: object) -> str:
            return "raysubmit_1"

        async def tail_job_logs(self, identifier: str) -> AsyncIterator[str]:
            yield "the log\n"

        def get_job_info(self, identifier: str) -> JobDetails:
            about = {"type": "SUBMISSION", "entrypoint": "", "status": status, "driver_exit_code": exit_code}
            return JobDetails(**about)

    monkeypatch.setattr(job_server, "check_reachable", lambda address: None)
    monkeypatch.setattr(job_server, "_client", lambda address: Client())
    with ThreadPoolExecutor(1) as thread:  # in the main one a browser's test may have left its event loop running
        assert thread.submit(job_server.submit, Submission("", {}, {}), "http://127.0.0.1:8265").result() == code
    told = capsys.readouterr()
    assert "the log" in told.out
    assert (status.lower() in told.err) == (code != 0)
