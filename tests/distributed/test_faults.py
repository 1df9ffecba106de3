"""Files that a killed job stored are not touched again; the harness in tests/faults kills more, looks at less."""

import os
import random
import time
from pathlib import Path
from typing import Any

import psutil
import pytest

from advgen_ray.config import GenerateConfig, PoolConfig, SamplerConfig
from advgen_ray.job import run_job
from advgen_ray.stages import counterfactuals
from advgen_ray.storage import ResultSet
from tests.job_process import JobProcess
from tests.models_on_disk import generate_config

pytestmark = [pytest.mark.long, pytest.mark.ray]

NUM_SHARDS = 24


def _config(score_model: str, output: Path, **changes: Any) -> GenerateConfig:
    values = {"num_sources": 24, "sampler": SamplerConfig(num_steps=30), "batch_size": 20, "shard_images": 20}
    pool = PoolConfig(min_actors=2, max_actors=2)
    return generate_config(score_model, output, **(values | {"pool": pool} | changes))


def _actors(job: JobProcess) -> list[psutil.Process]:
    found = []
    for process in psutil.Process(job.process.pid).children(recursive=True):
        try:
            if "ShardActor" in " ".join(process.cmdline()):
                found.append(process)
        except psutil.NoSuchProcess:
            continue
    return found


def _files(output: Path) -> dict[str, tuple[int, int]]:
    """Inode and time of every visible file but the manifest."""
    return {p.name: (p.stat().st_ino, p.stat().st_mtime_ns) for p in (output / "shards").glob("[!.]*")}


def _content(output: Path) -> dict[str, bytes]:
    return {p.name: p.read_bytes() for p in [output / "plan.json", *sorted((output / "shards").iterdir())]}


def _end(job: JobProcess) -> None:
    """Kill the driver and wait for its actors to notice; Ray's agents take a minute to, so they are helped."""
    family = psutil.Process(job.process.pid).children(recursive=True)
    job.kill_driver()
    _, alive = psutil.wait_procs(family, timeout=10)
    for process in alive:
        process.kill()


@pytest.mark.usefixtures("ray_session")
def test_kill_an_actor_then_the_driver_and_run_again(
    score_model: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    seed = int(os.environ.get("ADVGEN_FAULT_SEED", time.time_ns() % 10**6))
    print(f"fault seed {seed} (set ADVGEN_FAULT_SEED to repeat)")
    chance = random.Random(seed)
    unbroken, broken = tmp_path / "unbroken", tmp_path / "broken"
    counterfactuals.run(_config(score_model, unbroken))

    config = _config(score_model, broken)
    job = JobProcess.of("generate_counterfactuals", config, tmp_path / "first.log")
    first, second = chance.randint(1, 8), chance.randint(12, 18)
    job.wait_until(lambda: len(_files(broken)) >= first)
    time.sleep(chance.uniform(0.0, 0.3))
    victim = chance.choice(_actors(job))
    victim.kill()
    job.wait_until(lambda: len(_files(broken)) >= second)
    time.sleep(chance.uniform(0.0, 0.3))
    _end(job)
    there = _files(broken)
    assert second <= len(there) < NUM_SHARDS
    assert not (broken / "manifest.json").exists()

    JobProcess.of("generate_counterfactuals", config, tmp_path / "second.log").finish()
    after = _files(broken)
    assert {name: after[name] for name in there} == there  # nothing was computed twice
    assert _content(broken) == _content(unbroken)
    mine, theirs = (ResultSet.open(str(place)).manifest for place in (broken, unbroken))
    assert mine | {"seconds": 0} == theirs | {"seconds": 0}

    manifest = (broken / "manifest.json").stat().st_mtime_ns
    capsys.readouterr()
    assert counterfactuals.run(config)["count"] == 480
    assert "is complete, nothing to compute" in capsys.readouterr().out
    assert _files(broken) == after
    assert (broken / "manifest.json").stat().st_mtime_ns == manifest

    arguments = ["--config", str(tmp_path / "second.yaml"), "--set", "guidance_scale=9"]
    assert run_job(GenerateConfig, counterfactuals.run, arguments) == 2
    assert "guidance_scale is 2.0 there, 9.0 here" in capsys.readouterr().err
    assert _content(broken) == _content(unbroken)
