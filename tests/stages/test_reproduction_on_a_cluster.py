"""A row of the catalogue by its own jobs, and once more from what they left."""

import json
from pathlib import Path

import pytest

from advgen_ray.config import ReproduceConfig
from advgen_ray.stages import reproduction


@pytest.mark.long
@pytest.mark.ray
@pytest.mark.usefixtures("ray_session")
def test_a_row_is_made_and_made_again_from_what_is_there(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config = ReproduceConfig(rows=("D2",), output=str(tmp_path))
    found = reproduction.run(config)
    assert found["hold"] == ["D2"]
    (row,) = json.loads((tmp_path / "summary.json").read_text())
    assert row["ours"]["binary AT, D on data"] > 0.7
    weights = tmp_path / "seed-0" / "digits" / "energy_difference" / "model" / "model.safetensors"
    written = weights.stat().st_mtime_ns
    capsys.readouterr()
    assert reproduction.run(config) == found
    assert capsys.readouterr().out.count("is finished, nothing to train") == 2
    assert weights.stat().st_mtime_ns == written
    assert json.loads((tmp_path / "summary.json").read_text()) == [row]
