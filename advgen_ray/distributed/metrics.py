"""What jobs tell of themselves while they run, as Ray's metrics: every name, what it means, and where it is told.

Prometheus sees ``rows_done`` as ``ray_advgen_rows_done``, with the labels ``work`` and ``output`` and those named here.
"""

import sys
import time
from typing import Any, NamedTuple

PREFIX = "advgen_"
TAGS = ("work", "output")


class Metric(NamedTuple):
    """A description, and the labels beside ``work`` and ``output``."""

    description: str
    tags: tuple[str, ...] = ()


# A gauge shows what its process said last, and goes within half a minute of that process.
GAUGES = {
    "running": Metric("1 while the work goes on, 0 once it has ended"),
    "last_progress_seconds": Metric("Unix time at which a row, a step or a trial last came forward"),
    "images_per_second": Metric("Maps: mean since the job began. Trainings: since the last look, a few seconds ago"),
    "retries": Metric("Shards begun again after a lost actor, or times that a training was begun again"),
    "rows_done": Metric("Rows that this run of the job has stored"),
    "rows_left": Metric("Rows still to be made, at the mean size of the shards so far"),
    "rows_failed": Metric("Rows that could not be made; the next run tries them again"),
    "shards_left": Metric("Shards still to be made"),
    "actors": Metric("1 from every actor of the job's pool: their sum is how many there are"),
    "step": Metric("Steps of the optimiser that the training has made"),
    "steps_left": Metric("Steps that it has still to make"),
    "loss": Metric("Mean over the images since the record before"),
    "learning_rate": Metric("Of the last step"),
    "accuracy": Metric(
        "Share of images classified correctly; attack: none, pgd, or training, which is the one trained against",
        ("images", "attack"),
    ),
    "trials": Metric("Trials of a search: waiting, running, finished, stopped (early) or failed", ("status",)),
    "trial_objective": Metric("What a trial last reported of an objective", ("trial", "objective")),
    "best_objective": Metric("The best that any trial has reported to this run of the search", ("objective",)),
}
# A counter counts from the start of its process.
COUNTERS = {
    "counterfactuals_total": Metric("Counterfactuals made"),
    "network_evaluations_total": Metric("Evaluations of networks for them, a guided one counted as two"),
    "counterfactuals_judged_total": Metric("Counterfactuals that a classifier was asked about"),
    "counterfactuals_valid_total": Metric("Those of them that it takes for their target"),
}

_here: dict[str, str] = dict.fromkeys(TAGS, "")
_instruments: dict[str, Any] = {}


def label(work: str, output: str) -> None:
    """What this process works on: the tags of what it tells from now on, unless it gives others."""
    _here.update(work=work, output=place(output))


def show(name: str, value: float | None, **tags: str) -> None:
    """Set a gauge; None is not known and not told."""
    if value is not None and _connected():
        _instrument(name).set(float(value), tags={**_here, **tags})


def count(name: str, amount: float) -> None:
    """Add to a counter."""
    if amount > 0 and _connected():
        _instrument(name).inc(amount, tags=dict(_here))


def came_forward(**tags: str) -> None:
    """Something was done just now; a long shard says so between its batches."""
    show("last_progress_seconds", time.time(), **tags)


def place(uri: str) -> str:
    """The last two parts of a path: enough to know an output by, and never a host or what may stand before it."""
    path = uri.partition("://")[2].partition("/")[2] if "://" in uri else uri
    return "/".join(path.strip("/").split("/")[-2:])


def _connected() -> bool:
    """Ray is not loaded here: a plain loop that makes rows needs none, and tells nobody."""
    ray = sys.modules.get("ray")
    return ray is not None and bool(ray.is_initialized())


def _instrument(name: str) -> Any:
    if name not in _instruments:
        from ray.util.metrics import Counter, Gauge

        kind, described = (Gauge, GAUGES[name]) if name in GAUGES else (Counter, COUNTERS[name])
        _instruments[name] = kind(PREFIX + name, description=described.description, tag_keys=(*TAGS, *described.tags))
    return _instruments[name]
