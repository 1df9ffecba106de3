"""How generation scales with actors: on the two cores here, and over many that wait for a GPU which is only timed."""

import multiprocessing
import os
import shutil
import sys
import tempfile
import time
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any

import pyarrow as pa
import torch
from ray import cloudpickle
from torch import Tensor

from advgen_ray.config import GenerateConfig, PoolConfig
from advgen_ray.data.catalog import CATALOG
from advgen_ray.distributed.cluster import connect, disconnect
from advgen_ray.distributed.counterfactual_rows import CounterfactualRows
from advgen_ray.distributed.heap import keep_freed_memory
from advgen_ray.distributed.pipelines import run_map
from advgen_ray.stages.counterfactuals import prepare
from advgen_ray.storage import ResultSet
from advgen_ray.training.any_score_model import load_score_model
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
    """The rate of two actors of one thread over twice the rate of one, while all of them work.

    A second row counts the start of the pool and its end too, which do not shrink with the work. What the cores
    themselves give is measured beside it: two processes that evaluate the same network, without Ray, against one.
    """
    os.environ.setdefault("RAY_AUTH_MODE", "disabled")
    connect()
    rates: dict[int, list[float]] = {1: [], 2: []}
    times: dict[int, list[float]] = {1: [], 2: []}
    bare: list[float] = []
    with tempfile.TemporaryDirectory(prefix="advgen-bench-") as folder:
        model = Path(folder) / "model"
        generation._save_random_model(model)
        for repeat in range(repeats):
            for actors in (1, 2)[:: 1 if repeat % 2 == 0 else -1]:
                place = Path(folder) / f"{actors}-{repeat}"
                begins = place.with_suffix(".begins")
                begins.mkdir()
                pool = PoolConfig(min_actors=actors, max_actors=actors, gpus_per_actor=0.0)
                config = generation._config(model, place).model_copy(update={"pool": pool})
                result_set = prepare(config)
                load = partial(_TimedRows, config, result_set, begins, actors, None)
                times[actors].append(seconds(partial(run_map, "counterfactuals", result_set, load, pool)))
                rates[actors].append(_rate(begins))
            bare.append(_bare_seconds(1, model) / _bare_seconds(2, model))
    num_ces = generation.NUM_SOURCES * 10 * config.replicates
    against = f"twice one actor's; {num_ces} CEs, median of {repeats}; two bare processes reach {median(bare):.3f}"
    steady = [two / one / 2 for one, two in zip(rates[1], rates[2], strict=True)]
    whole = [one / two / 2 for one, two in zip(times[1], times[2], strict=True)]
    per_second = config.shard_images * median(rates[2])
    return [
        _row("generation_two_actors", *median_and_spread(steady), per_second, "CEs/s", against),
        _row("generation_two_actors_whole", *median_and_spread(whole), num_ces / median(times[2]), "CEs/s", against),
    ]


def _bare_seconds(processes: int, model: Path) -> float:
    """Of the slowest of so many processes of one thread, each evaluating the network a hundred times at once."""
    context = multiprocessing.get_context("spawn")
    together, spent = context.Barrier(processes), context.Queue()
    workers = [context.Process(target=_evaluate, args=(model, together, spent)) for _ in range(processes)]
    for worker in workers:
        worker.start()
    slowest = max(spent.get() for _ in workers)
    for worker in workers:
        worker.join()
    return float(slowest)


@torch.no_grad()
def _evaluate(model: Path, together: Any, spent: Any) -> None:
    torch.set_num_threads(1)
    keep_freed_memory()
    info = CATALOG["digits"]
    score_fn = load_score_model(model, info.image_shape, info.num_classes).score_fn
    x_t, y = torch.randn(200, *info.image_shape), torch.arange(200) % info.num_classes
    t = torch.full((200,), 0.5)
    score_fn(x_t, t, y)
    together.wait()
    spent.put(seconds(lambda: [score_fn(x_t, t, y) for _ in range(100)]))


def simulated_actors() -> list[dict[str, Any]]:
    """Efficiency of many actors over one, all at work: everything of the job is real but the network's time.

    Each actor waits ``SHARD_SECONDS`` a shard and hands on its sources as counterfactuals; planning, reading sources,
    distances, encoding, storing, metrics and reports run on the cores that there are. Actors set out one after the
    other within the time of a shard, as those of a pool that grows: on a cluster each has cores of its own, but here
    32 that ended their waits together would queue for two.
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
    """The rows of a real job, which notes when it begins each shard; the first when all actors are there.

    With ``shard_seconds`` the generator only takes its time.
    """

    def __init__(
        self,
        config: GenerateConfig,
        result_set: ResultSet,
        folder: Path,
        actors: int,
        shard_seconds: float | None,
        _: torch.device,
    ) -> None:
        self.rows = CounterfactualRows(config, result_set, torch.device("cpu"))
        if shard_seconds is not None:
            make = _sources_after(shard_seconds / config.shard_images)
            self.rows.generator = self.rows.generator._replace(make=make)
        self.begins = folder / f"{os.getpid()}.begins"
        self.begins.touch()
        deadline = time.monotonic() + PATIENCE_SECONDS
        while len(list(folder.glob("*.begins"))) < actors and time.monotonic() < deadline:
            time.sleep(0.1)
        if shard_seconds is not None:
            place = sorted(folder.glob("*.begins")).index(self.begins)
            time.sleep(shard_seconds * place / actors)

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
    """Shards a second of so many actors that only wait."""
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
    run_map(
        "simulated", result_set, partial(_TimedRows, config, result_set, folder / "begins", actors, SHARD_SECONDS), pool
    )
    return _rate(folder / "begins")


def _rate(folder: Path) -> float:
    """Shards a second of all actors while all of them work, by the times at which they began them."""
    begins = [sorted(map(float, path.read_text().split())) for path in folder.iterdir()]
    end = min(max(one) for one in begins)  # some actor's last shard: from then on one may have nothing left
    rates = []
    for one in begins:
        known = [begin for begin in one if begin <= end + 1.0]
        rates.append((len(known) - 1) / (known[-1] - known[0]))
    return sum(rates)
