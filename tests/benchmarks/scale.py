"""200,000 counterfactuals of 3x32x32 by the real job: what its driver, its actors and the object store take.

``ADVGEN_BENCH_ROWS`` makes it smaller for a quick look; the figures are then of so many rows.
"""

import os
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch

from advgen_ray.config import DataConfig, GenerateConfig, PoolConfig, SamplerConfig
from advgen_ray.models.unet import UNet
from advgen_ray.storage import ResultSet
from advgen_ray.training.model_directory import save_model
from tests.benchmarks.footprint import Footprint

NUM_ROWS, NUM_CLASSES, REPLICATES, CORES = 200_000, 10, 2, 2
SHAPE = (3, 32, 32)
SHARD_IMAGES = 1000
LIMIT_GIB = 1.0
FOLDER = Path("runs/bench/scale")
SAMPLE_SECONDS = 1.0
GIB, MIB = 2**30, 2**20


def ce_200k_driver_memory() -> list[dict[str, Any]]:
    """Peak memory of the driver in GiB, as a share of one GiB; beside it rate, actors, object store and bytes written.

    The job is ``jobs/generate_counterfactuals.py`` in a process of its own, on a cluster of its own, with two actors of
    one CPU. Its score is a real U-Net, so small that the pipeline, not the network, is what is measured: 4 channels
    where the paper has 128, as initialised, two steps from the source. Then ``jobs/validate.py`` reads all that was
    stored, and the keys are counted here once more. Memory is sampled every second from /proc.
    """
    num_rows = int(os.environ.get("ADVGEN_BENCH_ROWS", NUM_ROWS))
    num_sources = num_rows // (NUM_CLASSES * REPLICATES)
    shutil.rmtree(FOLDER, ignore_errors=True)
    try:
        config = _config(num_sources)
        _write_images(Path(config.data.root), num_sources)
        _save_small_model(Path(config.score_model))
        (FOLDER / "config.yaml").write_text(config.to_yaml())
        made = _watched("generate_counterfactuals", "--config", str(FOLDER / "config.yaml"))
        settings = (f"result_set={config.output}", "data.name=npz", f"data.root={config.data.root}")
        read = _watched("validate", *(word for setting in settings for word in ("--set", setting)))
        return [_row(num_sources, made, read, ResultSet.open(config.output))]
    finally:
        shutil.rmtree(FOLDER, ignore_errors=True)


def _row(num_sources: int, made: Footprint, read: Footprint, result_set: ResultSet) -> dict[str, Any]:
    expected = {
        f"npz-train-{source:06d}/{target}/{replicate}"
        for source in range(num_sources)
        for target in range(NUM_CLASSES)
        for replicate in range(REPLICATES)
    }
    found = result_set.read(["item_id"])["item_id"].to_pylist()
    written = sum(path.stat().st_size for path in Path(result_set.uri).rglob("*") if path.is_file())
    figures = {
        "rows": len(found),
        "lost": len(expected - set(found)),
        "doubled": len(found) - len(set(found)),
        "rows_per_second": len(found) / made.seconds,
        "seconds": made.seconds,
        "driver_pss_gib": made.driver_pss / GIB,
        "driver_growth_mib": made.driver_growth / MIB,
        "actor_gib": made.actor_rss / GIB,
        "actor_pss_gib": made.actor_pss / GIB,
        "object_store_mib": made.object_store / MIB,
        "bytes_written": written,
        "validate_seconds": read.seconds,
        "validate_gib": read.driver_rss / GIB,
    }
    figures = {name: round(value, 3) for name, value in figures.items()}
    return {
        "name": "ce_200k_driver_memory",
        "ratio": made.driver_rss / GIB / LIMIT_GIB,
        "spread": 0.0,
        "value": made.driver_rss / GIB,
        "unit": "GiB",
        "against": f"{LIMIT_GIB:g} GiB; {figures['rows']} CEs at {figures['rows_per_second']:.0f}/s, {CORES} actors of "
        f"{figures['actor_gib']:.2f} GiB, object store {figures['object_store_mib']:.1f} MiB, "
        f"{written / 1e9:.2f} GB written, {figures['lost']} lost, {figures['doubled']} doubled",
        **figures,
    }


def _watched(job: str, *arguments: str) -> Footprint:
    """Run a program of jobs/ to its end, and look at its memory all the while; raises RuntimeError if it fails."""
    environment = os.environ | {
        "PYTHONPATH": os.getcwd(),
        "RAY_AUTH_MODE": "disabled",
        "MLFLOW_TRACKING_URI": f"sqlite:///{FOLDER.absolute()}/mlflow.db",
    }
    begin = time.monotonic()
    with (FOLDER / f"{job}.log").open("w+") as log:
        command = [sys.executable, f"jobs/{job}.py", *arguments]
        process = subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT, env=environment)
        footprint = Footprint(process.pid, FOLDER / "out" / "shards")
        try:
            while process.poll() is None:
                footprint.sample()
                time.sleep(SAMPLE_SECONDS)
        finally:
            process.terminate()  # it unwinds, and its cluster ends with it
            process.wait()
        footprint.seconds = time.monotonic() - begin
        log.seek(0)
        text = log.read()
    if process.returncode:
        raise RuntimeError(f"jobs/{job}.py ended with {process.returncode}:\n{text}")
    print(f"  {job}: {text.rstrip().splitlines()[-1] if job == 'validate' else _last_progress(text)}", flush=True)
    return footprint


def _last_progress(log: str) -> str:
    return next(line for line in reversed(log.splitlines()) if "shards" in line)


def _config(num_sources: int) -> GenerateConfig:
    return GenerateConfig(
        data=DataConfig(name="npz", root=str(FOLDER / "data")),
        num_sources=num_sources,
        replicates=REPLICATES,
        score_model=str(FOLDER / "model"),
        sampler=SamplerConfig(num_steps=2, start_time=0.3),
        guidance_until=0.0,  # one evaluation a step
        shard_images=SHARD_IMAGES,
        output=str(FOLDER / "out"),
        pool=PoolConfig(min_actors=CORES, max_actors=CORES, cpus_per_actor=1, gpus_per_actor=0.0),
    )


def _write_images(root: Path, num_images: int) -> None:
    root.mkdir(parents=True)
    draws = np.random.default_rng(0)
    for split in ("train", "test"):
        images = draws.integers(0, 256, (max(num_images, NUM_CLASSES), *SHAPE), dtype=np.uint8)
        np.savez(root / f"{split}.npz", images=images, labels=np.arange(len(images)) % NUM_CLASSES)


def _save_small_model(directory: Path) -> None:
    architecture = {
        "image_shape": list(SHAPE),
        "num_classes": NUM_CLASSES,
        "base_channels": 4,
        "channel_multipliers": [1, 1, 1, 1],
        "num_blocks": 1,
        "attention_stage": 3,
        "channels_per_group": 4,
    }
    torch.manual_seed(0)
    model = UNet(**architecture)  # type: ignore[arg-type]
    training = {"beta_min": 0.1, "beta_max": 20.0}
    save_model(
        directory, model, {"kind": "unet", "architecture": architecture, "data": {"name": "npz"}, "training": training}
    )
