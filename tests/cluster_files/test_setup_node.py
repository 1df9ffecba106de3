"""What a node of `ray up` starts Ray with, by running its setup beside an installer that installs nothing."""

import os
import subprocess
from pathlib import Path

import pytest

from tests.cluster_files.repository import CLUSTER


@pytest.mark.parametrize("secret", [None, "s3cret with 'quotes'"])
def test_jobs_have_what_the_file_environment_says(secret: str | None, tmp_path: Path) -> None:
    place = tmp_path / "advgen"
    (place / "bin").mkdir(parents=True)
    (place / "setup_node.sh").write_bytes((CLUSTER / "setup_node.sh").read_bytes())
    (place / "bin" / "uv").write_text("#!/bin/sh\n")
    (place / "bin" / "uv").chmod(0o755)
    environment = {"HOME": str(tmp_path), "PATH": os.environ["PATH"]}
    for _ in range(2):  # again on a node it changes nothing
        subprocess.run(["bash", place / "setup_node.sh"], env=environment, check=True)
    if secret:
        (place / "environment").write_text(f'MLFLOW_TRACKING_PASSWORD="{secret}"\n')
    start = f". {place}/env && exec sh -c 'echo \"$RAY_AUTH_MODE:$MLFLOW_TRACKING_PASSWORD\"'"
    said = subprocess.run(["bash", "-euc", start], env=environment, check=True, capture_output=True, text=True).stdout
    assert said == f"token:{secret or ''}\n"
    assert (tmp_path / ".bashrc").read_text().count("advgen/env") == 1
