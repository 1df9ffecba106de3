"""Generation through Ray Data against a plain Python loop over the same batches on the same cores."""

import os
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import torch

from advgen_ray.config import GenerateConfig, PoolConfig
from advgen_ray.data.catalog import CATALOG
from advgen_ray.distributed.cluster import connect, disconnect
from advgen_ray.distributed.counterfactual_rows import CounterfactualRows
from advgen_ray.distributed.heap import keep_freed_memory
from advgen_ray.distributed.pipelines import run_map
from advgen_ray.models.unet import UNet
from advgen_ray.recipes.digits import digits_counterfactuals, digits_score_model
from advgen_ray.stages.counterfactuals import prepare
from advgen_ray.storage import ResultSet
from advgen_ray.training.model_directory import save_model
from tests.benchmarks.measure import median_and_spread, seconds

NUM_SOURCES = 300  # 6,000 CEs: more than a minute on two cores
CORES = 2


def generation_vs_loop(repeats: int = 3) -> list[dict[str, Any]]:
    """The rate of a job over the rate of a loop; above 1 Ray Data is the faster.

    Ours: start a pool of 2 actors of 1 thread, load, generate, store, commit, on a cluster that is up, as a submitted
    job finds it. The loop: load, generate with 2 threads, store, commit, in a process that runs already. A second
    row counts the start of a cluster on this machine too. The digits recipe's U-Net with random weights: the time
    does not depend on their values.
    """
    os.environ.setdefault("RAY_AUTH_MODE", "disabled")
    disconnect()  # another benchmark's cluster would spare us our start
    with tempfile.TemporaryDirectory(prefix="advgen-bench-") as folder:
        model = Path(folder) / "model"
        _save_random_model(model)
        starts, ours, loop = [], [], []
        for repeat in range(repeats):
            starts.append(seconds(connect))
            sides: list[tuple[list[float], Callable[[GenerateConfig], None]]] = [(ours, _through_ray), (loop, _loop)]
            for times, work in sides[:: 1 if repeat % 2 == 0 else -1]:
                config = _config(model, Path(folder) / f"{work.__name__}-{repeat}")
                times.append(seconds(partial(work, config)))
            disconnect()
    whole = [start + mine for start, mine in zip(starts, ours, strict=True)]
    return [
        _row("generation_vs_loop", ours, loop, "cluster up"),
        _row("generation_vs_loop_own_cluster", whole, loop, "cluster start in"),
    ]


def _row(name: str, ours: list[float], loop: list[float], counted: str) -> dict[str, Any]:
    num_ces = NUM_SOURCES * CATALOG["digits"].num_classes * digits_counterfactuals().replicates
    ratio, spread = median_and_spread([theirs / mine for mine, theirs in zip(ours, loop, strict=True)])
    return {
        "name": name,
        "ratio": ratio,
        "spread": spread,
        "value": num_ces / median_and_spread(ours)[0],
        "unit": "CEs/s",
        "against": f"plain loop, {CORES} threads: {num_ces / median_and_spread(loop)[0]:.1f} CEs/s; "
        f"{num_ces} CEs, median of {len(ours)}, {counted}",
    }


def _through_ray(config: GenerateConfig) -> None:
    result_set = prepare(config)
    run_map("counterfactuals", result_set, partial(CounterfactualRows, config, result_set), config.pool)


def _loop(config: GenerateConfig) -> None:
    torch.set_num_threads(CORES)
    keep_freed_memory()
    result_set: ResultSet = prepare(config)
    rows = CounterfactualRows(config, result_set, torch.device("cpu"))
    for index in range(result_set.num_shards):
        result_set.write_shard(index, rows(index))
    result_set.commit(seconds=0.0)


def _config(model: Path, output: Path) -> GenerateConfig:
    recipe = digits_counterfactuals().model_dump()
    pool = PoolConfig(min_actors=CORES, max_actors=CORES, gpus_per_actor=0.0)
    changes = {"num_sources": NUM_SOURCES, "score_model": str(model), "output": str(output), "pool": pool}
    return GenerateConfig(**(recipe | changes))


def _save_random_model(directory: Path) -> None:
    info, recipe = CATALOG["digits"], digits_score_model()
    architecture = {
        "image_shape": list(info.image_shape),
        "num_classes": info.num_classes,
        **recipe.model.model_dump(mode="json"),
    }
    torch.manual_seed(0)
    card = {
        "kind": "unet",
        "architecture": architecture,
        "data": {"name": "digits"},
        "training": recipe.model_dump(mode="json"),
    }
    save_model(directory, UNet(**architecture), card)
