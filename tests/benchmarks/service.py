"""What a service costs: a set on S3 beside one on a disk, and a submitted job until its first row."""

import os
import tempfile
import time
from collections.abc import Callable, Iterator
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np
import psutil

from advgen_ray.config import PoolConfig, SamplerConfig
from advgen_ray.distributed.cluster import connect, disconnect
from advgen_ray.storage import ResultSet
from advgen_ray.storage.schemas import COUNTERFACTUALS, images_to_column
from tests.benchmarks import generation
from tests.benchmarks.measure import interleaved, median_and_spread

NUM_SHARDS, SHARD_ROWS, SHAPE = 24, 1000, (3, 32, 32)
NUM_CES = 2000  # of digits
PATIENCE_SECONDS = 300.0


def s3_vs_local(repeats: int = 2) -> list[dict[str, Any]]:
    """The time with a disk over the time with S3, Swift on loopback, which shares these cores.

    Of a generation whose two actors store 2,000 CEs of digits as they make them, and of shards of 3x32x32 as such:
    nothing but written, committed and read by one process, where the disk is this machine's memory.
    """
    from tests.faults.servers import BUCKET, s3_server

    former = dict(os.environ)
    with tempfile.TemporaryDirectory(prefix="advgen-bench-") as folder:
        server = s3_server(Path(folder) / "s3")
        if server is None:
            raise RuntimeError("no package index gives swift")
        connect()
        generation._save_random_model(Path(folder) / "model")
        places = [f"{folder}/{{}}".format, f"s3://{BUCKET}/{{}}".format]
        table, number = _table(), count()
        try:
            whole = interleaved(*(partial(_generate, folder, place, number) for place in places), repeats)
            bare = interleaved(*(partial(_write_and_read, place, number, table) for place in places), repeats)
        finally:
            disconnect()
            server.kill()
            os.environ.clear()
            os.environ.update(former)
    of_a_set = f"a local disk: {{:.0f}}; {NUM_SHARDS} shards of {SHARD_ROWS} CEs written, committed and read"
    return [
        _against_disk("s3_vs_local", whole, NUM_CES, "CEs/s", f"a local disk: {{:.1f}}; {NUM_CES} CEs by two actors"),
        _against_disk("s3_vs_local_bytes", bare, table.nbytes * NUM_SHARDS / 1e6, "MB/s", of_a_set),
    ]


def _against_disk(
    name: str, times: tuple[list[float], list[float]], amount: float, unit: str, against: str
) -> dict[str, Any]:
    local, s3 = times
    ratio, spread = median_and_spread([one / other for one, other in zip(local, s3, strict=True)])
    rates = [amount / median_and_spread(some)[0] for some in (local, s3)]
    told = f"{against.format(rates[0])}, median of {len(s3)}"
    return {"name": name, "ratio": ratio, "spread": spread, "value": rates[1], "unit": unit, "against": told}


def _generate(folder: str, place: Callable[[int], str], number: Iterator[int]) -> None:
    config = generation._config(Path(folder) / "model", Path("unused"))
    generation._through_ray(config.override([f"num_sources={NUM_CES // 20}", f"output={place(next(number))}"]))


def job_start() -> list[dict[str, Any]]:
    """Seconds from a job's submission to its first stored shard, over those of a job that only joins the cluster."""
    os.environ["RAY_AUTH_MODE"] = "disabled"
    from tests.faults.machines import Machines
    from tests.models_on_disk import generate_config, save_score_model

    with tempfile.TemporaryDirectory(prefix="advgen-bench-") as name:
        folder = Path(name)
        config = generate_config(
            save_score_model(folder / "model"), folder, sampler=SamplerConfig(num_steps=2), batch_size=10,
            shard_images=10, pool=PoolConfig(min_actors=2, max_actors=2),
        )  # fmt: skip
        machines = Machines()
        try:
            nothing = _seconds_of_nothing(machines)
            times = _job_times(machines, config, folder)
        finally:
            machines.shutdown()
    parts = [
        ("job server starts the driver", times["driver"]),
        ("driver imports, checks, plans", times["plan"] - times["driver"]),
        ("joins the cluster, actor starts", times["actor"] - times["plan"]),
        ("actor imports, loads, first shard", times["shard"] - times["actor"]),
    ]
    return [
        {
            "name": "job_start",
            "ratio": times["shard"] / nothing,
            "spread": 0.0,
            "value": times["shard"],
            "unit": "s",
            "against": f"a job that only joins the cluster: {nothing:.1f} s to its end; "
            + ", ".join(f"{what} {spent:.1f} s" for what, spent in parts),
        }
    ]


def _table() -> Any:
    import pyarrow as pa

    draws = np.random.default_rng(0)
    images = draws.random((SHARD_ROWS, *SHAPE), dtype=np.float32)
    columns: dict[str, Any] = {}
    for one in COUNTERFACTUALS:
        words = pa.types.is_string(one.type)
        columns[one.name] = [f"{one.name}-{i}" for i in range(SHARD_ROWS)] if words else np.arange(SHARD_ROWS) % 10
    columns["x_ce"] = images_to_column(images)
    return pa.table([pa.array(columns[f.name]).cast(f.type) for f in COUNTERFACTUALS], schema=COUNTERFACTUALS)


def _write_and_read(place: Callable[[int], str], number: Iterator[int], table: Any) -> None:
    uri = place(next(number))
    result_set = ResultSet.create(
        uri, kind="counterfactuals", config={}, inputs={}, num_shards=NUM_SHARDS, image_shape=SHAPE
    )
    for index in range(NUM_SHARDS):
        result_set.write_shard(index, table)
    result_set.commit(0.0)
    assert sum(one.num_rows for one in ResultSet.open(uri).tables()) == NUM_SHARDS * SHARD_ROWS


def _seconds_of_nothing(machines: Any) -> float:
    """Of a job that imports Ray, joins and ends."""
    import sys

    from ray.job_submission import JobSubmissionClient

    client = JobSubmissionClient(machines.job_server)
    begin = time.time()
    job = client.submit_job(entrypoint=f"{sys.executable} -c 'import ray; ray.init()'")
    _until(lambda: str(client.get_job_status(job)) in ("SUCCEEDED", "FAILED"))
    return time.time() - begin


def _job_times(machines: Any, config: Any, folder: Path) -> dict[str, float]:
    """When the driver, the plan, an actor and the first shard were there, in seconds after the submission."""
    from tests.faults.drivers import ROOT, Command, Submitted
    from tests.faults.machines import ACTORS

    file = folder / "job.yaml"
    file.write_text(config.to_yaml())
    tracking = f"sqlite:///{folder}/mlflow.db"
    command = Command("generate_counterfactuals", file, {"PYTHONPATH": str(ROOT), "MLFLOW_TRACKING_URI": tracking})
    job = Submitted(command, machines)
    times: dict[str, float] = {}
    begin = time.time()

    def born(part: str) -> float | None:
        found = [process.create_time() for process in machines.processes(part)]
        return min(found) if found else None

    def written(pattern: str) -> float | None:
        found = [path.stat().st_mtime for path in Path(config.output).glob(pattern)]
        return min(found) if found else None

    job.start()
    looks: dict[str, Callable[[], float | None]] = {
        "driver": partial(born, f"jobs/generate_counterfactuals.py --config {file}"),
        "plan": partial(written, "plan.json"),
        "actor": partial(born, ACTORS),
        "shard": partial(written, "shards/[!.]*"),
    }

    def all_there() -> bool:
        for name, look in looks.items():
            if name not in times:
                try:
                    found = look()
                except (psutil.NoSuchProcess, FileNotFoundError):
                    found = None
                if found is not None:
                    times[name] = found - begin
        return len(times) == len(looks)

    _until(all_there)
    _until(lambda: job.ended() is not None)
    return times


def _until(reached: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not reached():
        if time.monotonic() > deadline:
            raise TimeoutError(f"not within {PATIENCE_SECONDS:.0f} s")
        time.sleep(0.02)
