"""Watch a generation take a cluster from no GPU node to several and back to none, with a node killed on the way.

``python -m tests.autoscaling.run``: ``runs/autoscaling/timeline.json`` and ``timeline.svg``. Exit code 1 where the set
is not complete, a node was never launched, or one stays.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

from advgen_ray.config import GenerateConfig, PoolConfig, SamplerConfig
from advgen_ray.storage import ResultSet, filesystem
from advgen_ray.storage.validate import validate
from tests.autoscaling.cloud import Cloud
from tests.autoscaling.figure import timeline_panel
from tests.models_on_disk import generate_config, save_score_model

ROOT = Path(__file__).parents[2]
NUM_NODES = 3
LOOK_SECONDS, PATIENCE_SECONDS = 0.5, 600.0
OUTPUT = Path("runs/autoscaling")


@dataclass
class Look:
    """What there was after so many seconds."""

    seconds: float
    gpu_nodes: int
    actors: int
    shards: int
    event: str = ""


def watch(folder: Path, num_nodes: int = NUM_NODES, num_sources: int = 60) -> tuple[list[Look], GenerateConfig]:
    """Run the job on a cluster of its own under ``folder``, kill a node once all work, and look on until none is left.

    The first actor is held still until all are there: a fast machine would end the job before a node has started.
    Raises TimeoutError where it takes too long, CalledProcessError where the job fails.
    """
    cloud = Cloud(folder, num_nodes)
    pool = PoolConfig(min_actors=1, max_actors=num_nodes, gpus_per_actor=1.0)
    config = generate_config(
        save_score_model(folder / "score_model"), folder, num_sources=num_sources, sampler=SamplerConfig(num_steps=80),
        batch_size=10, shard_images=10, pool=pool,
    )  # fmt: skip
    (folder / "job.yaml").write_text(config.to_yaml())
    begin, looks = time.monotonic(), [Look(0.0, 0, 0, 0, "job started")]

    def look(event: str = "") -> Look:
        shards = sum(not name.startswith(".") for name in filesystem.list_names(f"{config.output}/shards"))
        found = Look(round(time.monotonic() - begin, 1), len(cloud.gpu_nodes()), len(cloud.actors()), shards, event)
        looks.append(found)
        return found

    def until(reached: Callable[[Look], bool]) -> None:
        while not reached(look()):
            if time.monotonic() - begin > PATIENCE_SECONDS:
                raise TimeoutError(f"{looks[-1]}\n{(folder / 'job.log').read_text()[-2000:]}")
            time.sleep(LOOK_SECONDS)

    try:
        command = [sys.executable, "jobs/generate_counterfactuals.py", "--config", str(folder / "job.yaml")]
        own = {"RAY_ADDRESS": cloud.address, "RAY_AUTH_MODE": "disabled", "PYTHONPATH": str(ROOT)}
        with (folder / "job.log").open("w") as log:
            job = subprocess.Popen(command, cwd=ROOT, env=os.environ | own, stdout=log, stderr=log)
        until(lambda now: (now.actors > 0 and now.shards > 0) or job.poll() is not None)
        if first := cloud.actors():
            first[0].suspend()
        until(lambda now: now.actors == num_nodes or job.poll() is not None)
        if job.poll() is None:
            first[0].resume()
            cloud.gpu_nodes()[0].kill()
            look("a node killed")
        until(lambda now: job.poll() is not None)
        look("job ended")
        if job.returncode:
            raise subprocess.CalledProcessError(job.returncode, command, (folder / "job.log").read_text()[-3000:])
        until(lambda now: now.gpu_nodes == 0)
        look("no node left")
    finally:
        cloud.shutdown()
    return looks, config


def wrong(looks: list[Look], config: GenerateConfig, num_nodes: int = NUM_NODES) -> str:
    """What the run did not show; empty where it showed all."""
    made = ResultSet.open(config.output)
    if not made.finished() or made.missing():
        return f"shards {made.missing()} are missing"
    validate(config.output)
    killed = next((at for at, one in enumerate(looks) if one.event == "a node killed"), None)
    if killed is None:
        return "no node was killed: the job was over before all nodes were there"
    if max(one.gpu_nodes for one in looks) < num_nodes:
        return f"never {num_nodes} nodes at once"
    return "" if looks[-1].gpu_nodes == 0 else f"{looks[-1].gpu_nodes} nodes left"


def main() -> int:
    """Run it, keep what was seen, and draw it."""
    looks, config = watch(Path(tempfile.mkdtemp(prefix="advgen-autoscaling-")), num_sources=120)
    OUTPUT.mkdir(parents=True, exist_ok=True)
    (OUTPUT / "timeline.json").write_text(json.dumps([asdict(one) for one in looks], indent=1) + "\n")
    (OUTPUT / "timeline.svg").write_bytes(timeline_panel(looks).svg)
    for one in looks:
        if one.event:
            print(one)
    failure = wrong(looks, config)
    print(failure or f"{OUTPUT}/timeline.svg")
    return 1 if failure else 0


if __name__ == "__main__":
    sys.exit(main())
