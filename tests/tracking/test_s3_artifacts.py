"""Artifacts and models on a real S3 server: through a real MLflow server, or from the client itself."""

import os
from pathlib import Path
from typing import Any

import pytest
import torch

from advgen_ray.tracking import tracked_run
from advgen_ray.training.exported import export_program
from advgen_ray.training.model_directory import load_model
from tests.models_on_disk import save_classifier
from tests.s3_server import SwiftServer
from tests.tracking.mlflow_server import MlflowServer

pytestmark = pytest.mark.long
AWS = ("AWS_ENDPOINT_URL", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_DEFAULT_REGION")


def _keys(s3_server: SwiftServer, bucket: str) -> set[str]:
    import boto3

    client = boto3.client(
        "s3",
        endpoint_url=s3_server.endpoint,
        aws_access_key_id=s3_server.environment["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=s3_server.environment["AWS_SECRET_ACCESS_KEY"],
        region_name="us-east-1",
    )
    found = client.list_objects_v2(Bucket=bucket.removeprefix("s3://")).get("Contents", [])
    return {entry["Key"] for entry in found}


@pytest.mark.parametrize("way", ["proxied", "direct"])
def test_a_run_with_an_artifact_and_a_model(
    way: str,
    bucket: str,
    s3_server: SwiftServer,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """The client of a proxied server has no credentials; that of a direct one no setting of MLflow's for S3."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("MLFLOW_S3_ENDPOINT_URL", raising=False)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    options = (
        f"--artifacts-destination {bucket}/proxied --serve-artifacts"
        if way == "proxied"
        else f"--default-artifact-root {bucket}/direct --no-serve-artifacts"
    )
    server = MlflowServer(tmp_path, options, {"MLFLOW_S3_ENDPOINT_URL": s3_server.endpoint})
    if way == "proxied":
        for name in AWS:
            monkeypatch.delenv(name)
    server.start()
    try:
        monkeypatch.setenv("MLFLOW_TRACKING_URI", server.uri)
        program = export_program(save_classifier(tmp_path / "model"))
        with tracked_run("kept", {"seed": 1}) as run:
            run.log_file("page.html", b"a report")
            run.log_model(program.content, torch.__version__, program.inputs, program.outputs, program.facts)
        assert capsys.readouterr().err == ""
        assert ("MLFLOW_S3_ENDPOINT_URL" in os.environ) == (way == "direct")
        _check(server, run.id, way, tmp_path)
        names = {key.partition("/")[2].rpartition("/")[2] for key in _keys(s3_server, bucket) if key.startswith(way)}
        assert names >= {"page.html", "config.json", "MLmodel", "model.pt2"}
    finally:
        server.kill()


def _check(server: MlflowServer, run_id: str, way: str, folder: Path) -> None:
    """What MLflow's own client lists, downloads and loads."""
    import mlflow

    mlflow.set_tracking_uri(server.uri)
    client: Any = mlflow.MlflowClient(server.uri)
    place = client.get_run(run_id).info.artifact_uri
    assert place.startswith("mlflow-artifacts:/" if way == "proxied" else "s3://")
    assert {file.path for file in client.list_artifacts(run_id)} >= {"config.json", "page.html"}
    (folder / "back").mkdir()
    assert Path(client.download_artifacts(run_id, "page.html", str(folder / "back"))).read_text() == "a report"
    x = torch.rand(3, 1, 8, 8)
    theirs = mlflow.pytorch.load_model(f"runs:/{run_id}/model")
    assert torch.equal(theirs(x), load_model(folder / "model").model(x))
