"""The harness itself: a few kills, and that it would see a difference."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from advgen_ray.config import ScoreEnergiesConfig
from advgen_ray.config.evaluation import EvaluateRobustnessConfig
from advgen_ray.distributed.energy_rows import EnergyRows
from advgen_ray.distributed.robustness_rows import RobustnessRows
from advgen_ray.stages import energies, robustness
from advgen_ray.stages.inputs import load_classifier, load_images
from tests.classifier_jobs import fill
from tests.faults.drivers import ROOT
from tests.faults.report import HEAD, table
from tests.faults.works import CPU, evaluation, save_models, scoring


@pytest.mark.long
@pytest.mark.ray
def test_a_few_kills_lose_nothing(tmp_path: Path) -> None:
    options = ["--kills", "2", "--seed", "18", "--only", "generation", "--output", str(tmp_path / "faults.json")]
    command = [sys.executable, "-m", "tests.faults.run", *options]
    ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert HEAD in ended.stdout
    found = json.loads((tmp_path / "faults.json").read_text())
    assert [one["work"] for one in found["kills"]] == ["generation"] * 2


def test_what_differs_or_is_there_twice_is_seen(tmp_path: Path) -> None:
    models = save_models(tmp_path / "models")
    work = scoring(models, str(tmp_path / "made"), tmp_path / "whole", seed=1, num_images=15)
    assert isinstance(work.config, ScoreEnergiesConfig)
    made, groups = energies.prepare(work.config)
    fill(made, EnergyRows(work.config, made, groups, CPU))
    assert work.came_forward() == made.num_shards
    assert work.wrong() == ""
    first, second = (Path(made.shard_uri(index)) for index in (0, 1))
    kept = second.read_bytes()
    second.write_bytes(first.read_bytes())
    assert work.wrong() == "shards [1] differ from those of a plain loop"
    second.write_bytes(kept)
    (first.parent / "again.parquet").write_bytes(kept)
    assert work.wrong() == f"{made.num_shards + 1} files for {made.num_shards} shards"


def test_an_evaluation_is_compared_with_one_that_was_not_broken(tmp_path: Path) -> None:
    models = save_models(tmp_path / "models")
    work = evaluation(models, str(tmp_path / "made"), tmp_path / "whole", seed=1, num_images=20)
    assert isinstance(work.config, EvaluateRobustnessConfig)
    images = load_images(work.config.data, work.config.split, 20, "").first(20)
    made = robustness.prepare(work.config, images, load_classifier(work.config.classifier, work.config.data))
    fill(made, RobustnessRows(work.config, made, CPU))
    assert work.wrong() == ""


def test_the_table_has_a_row_for_each_victim_and_job() -> None:
    kills = [
        {"work": "training", "victim": "worker", "seconds": 10.0, "lost_steps": 3},
        {"work": "training", "victim": "worker", "seconds": 30.0, "lost_steps": 12},
        {"work": "scoring", "victim": "actor", "seconds": 2.0, "lost_steps": None},
    ]
    assert table(kills).splitlines()[2:] == [
        "| actor | scoring | 1 | 2 s (2 s) |  |",
        "| worker | training | 2 | 20 s (30 s) | 12 |",
    ]
