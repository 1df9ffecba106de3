"""How generation scales with actors: on the two cores here, and over many that wait for a GPU which is only timed."""

import os
import shutil
import sys
import tempfile
import time
from functools import partial
from pathlib import Path
from typing import Any

import pyarrow as pa
import torch
from ray import cloudpickle
from torch import Tensor

from advgen_ray.config import GenerateConfig, PoolConfig
from advgen_ray.distributed.cluster import connect, disconnect
from advgen_ray.distributed.counterfactual_rows import CounterfactualRows
from advgen_ray.distributed.pipelines import run_map
from advgen_ray.stages.counterfactuals import prepare
from advgen_ray.storage import ResultSet
from tests.benchmarks import generation, scale
from tests.benchmarks.measure import median_and_spread, seconds

cloudpickle.register_pickle_by_value(sys.modules[__name__])  # actors need not import a benchmark

# What a shard of 1,000 CEs of 3x32x32 takes an A100 by arithmetic, none having been at hand: 100 evaluations of the
# paper's U-Net, 9.76 GFLOP each (torch.utils.flop_counter), at two fifths of the card's 312 TFLOP/s in bfloat16.
SHARD_SECONDS = 1000 * 100 * 9.76e9 / (0.4 * 312e12)
ACTORS = tuple(map(int, os.environ.get("ADVGEN_BENCH_ACTORS", "1,8,32").split(",")))  # 64 take 20 GB to start
SHARDS_OF_AN_ACTOR = 6
PATIENCE_SECONDS = 600.0


def generation_two_actors(repeats: int = 2) -> list[dict[str, Any]]:
    """The rate of two actors of one thread over twice the rate of one: the start of the pool, and its end, included."""
    os.environ.setdefault("RAY_AUTH_MODE", "disabled")
    connect()
    times: dict[int, list[float]] = {1: [], 2: []}
    with tempfile.TemporaryDirectory(prefix="advgen-bench-") as folder:
        model = Path(folder) / "model"
        generation._save_random_model(model)
        for repeat in range(repeats):
            for actors in (1, 2)[:: 1 if repeat % 2 == 0 else -1]:
                config = generation._config(model, Path(folder) / f"{actors}-{repeat}")
                pool = PoolConfig(min_actors=actors, max_actors=actors, gpus_per_actor=0.0)
                config = config.model_copy(update={"pool": pool})
                times[actors].append(seconds(partial(generation._through_ray, config)))
    ratio, spread = median_and_spread([one / two / 2 for one, two in zip(times[1], times[2], strict=True)])
    num_ces = generation.NUM_SOURCES * 10 * config.replicates
    rates = {actors: num_ces / median_and_spread(some)[0] for actors, some in times.items()}
    against = f"twice one actor's {rates[1]:.1f} CEs/s; {num_ces} CEs, median of {repeats}"
    return [_row("generation_two_actors", ratio, spread, rates[2], "CEs/s", against)]


def simulated_actors() -> list[dict[str, Any]]:
    """Efficiency of many actors over one, all at work: everything of the job is real but the network's time.

    Each actor waits ``SHARD_SECONDS`` a shard and hands on its sources as counterfactuals; planning, reading sources,
    distances, encoding, storing, metrics and reports run on the cores that there are.
    """
    os.environ.setdefault("RAY_AUTH_MODE", "disabled")
    disconnect()
    connect(num_cpus=max(ACTORS))
    rates = {}
    try:
        for actors in ACTORS:
            folder = Path(tempfile.mkdtemp(prefix="advgen-bench-"))
            rates[actors] = _simulated_rate(actors, folder)
            shutil.rmtree(folder)
            print(f"  {actors} actors: {rates[actors]:.3f} shards/s of {actors / SHARD_SECONDS:.3f}", flush=True)
    finally:
        disconnect()
    told = f"one actor's {1000 * rates[1]:.0f} CEs/s times as many; a shard of 1000 CEs waits {SHARD_SECONDS:.1f} s"
    return [
        _row(
            f"simulated_actors_{actors}", rates[actors] / (actors * rates[1]), 0.0, 1000 * rates[actors], "CEs/s", told
        )
        for actors in ACTORS[1:]
    ]


def _row(name: str, ratio: float, spread: float, value: float, unit: str, against: str) -> dict[str, Any]:
    return {"name": name, "ratio": ratio, "spread": spread, "value": value, "unit": unit, "against": against}


class _TimedRows:
    """The rows of a real job by a generator that only takes its time; begins when all actors are there."""

    def __init__(
        self, config: GenerateConfig, result_set: ResultSet, folder: Path, actors: int, _: torch.device
    ) -> None:
        self.rows = CounterfactualRows(config, result_set, torch.device("cpu"))
        self.rows.generator = self.rows.generator._replace(make=_sources_after(SHARD_SECONDS / config.shard_images))
        self.begins = folder / f"{os.getpid()}.begins"
        self.begins.touch()
        deadline = time.monotonic() + PATIENCE_SECONDS
        while len(list(folder.glob("*.begins"))) < actors and time.monotonic() < deadline:
            time.sleep(0.1)

    def __call__(self, index: int) -> pa.Table:
        with self.begins.open("a") as file:
            file.write(f"{time.time()}\n")
        return self.rows(index)


def _sources_after(seconds_each: float) -> Any:
    def make(images: Tensor, y_target: Tensor, item_ids: Any) -> Tensor:
        time.sleep(seconds_each * len(images))
        return images

    return make


def _simulated_rate(actors: int, folder: Path) -> float:
    """Shards a second while all actors work: of each, from its first begin to its last."""
    num_sources = actors * SHARDS_OF_AN_ACTOR * scale.SHARD_IMAGES // (scale.NUM_CLASSES * scale.REPLICATES)
    pool = PoolConfig(min_actors=actors, max_actors=actors, gpus_per_actor=0.0)
    config = scale._config(num_sources).model_copy(
        update={"pool": pool, "output": str(folder / "out"), "score_model": str(folder / "model"), "batch_size": 512}
    )
    config = config.override([f"data.root={folder / 'data'}"])
    scale._write_images(folder / "data", num_sources)
    scale._save_small_model(folder / "model")
    result_set = prepare(config)
    (folder / "begins").mkdir()
    run_map("simulated", result_set, partial(_TimedRows, config, result_set, folder / "begins", actors), pool)
    begins = [sorted(map(float, path.read_text().split())) for path in (folder / "begins").iterdir()]
    end = min(max(one) for one in begins)  # some actor's last shard: from then on one may have nothing left
    rates = []
    for one in begins:
        known = [begin for begin in one if begin <= end + 1.0]
        rates.append((len(known) - 1) / (known[-1] - known[0]))
    return sum(rates)
