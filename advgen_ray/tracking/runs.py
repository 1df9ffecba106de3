"""One MLflow run per job, nested under the job that called it, with its whole config and its provenance."""

import hashlib
import json
import math
import time
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from advgen_ray.tracking.sender import key_of
from advgen_ray.tracking.server import check_tracking
from advgen_ray.tracking.system_metrics import Point, SystemMetrics, wanted
from advgen_ray.tracking.writer import Writer

Tensors = Mapping[str, tuple[str, Sequence[int]]]
"""Dtype and shape by name, -1 for a dimension of any size; a single tensor is called ``""``."""

_active: ContextVar["Run | None"] = ContextVar("active_run", default=None)


@contextmanager
def tracked_run(
    name: str, config: Mapping[str, Any], tags: Mapping[str, str] | None = None, only_unfinished: bool = False
) -> Iterator["Run"]:
    """Record what happens inside as one run, nested under the run around it, if any.

    The outermost call checks the tracking server first and raises UserError where it does not answer; its run gets
    this machine's system metrics; on the way out it waits until everything is written, or stored for later. A run of
    the same work into the same output that did not finish is continued: "the same" is ``tags["config_digest"]`` (else
    a digest of the config) and ``config["output"]``; with ``only_unfinished`` nothing is recorded where there is none.
    """
    parent = _active.get()
    if parent is None:
        check_tracking()
    writer = parent.writer if parent else Writer()
    run = Run(writer, parent, name, config, dict(tags or {}), only_unfinished)
    system_metrics = SystemMetrics(run.log_system) if parent is None and wanted() else None
    token = _active.set(run)
    status = "FAILED"
    try:
        yield run
        status = "FINISHED"
    except KeyboardInterrupt:
        status = "KILLED"
        raise
    finally:
        _active.reset(token)
        if system_metrics:
            system_metrics.stop()
        run.end(status)
        if parent is None:
            writer.close()


@contextmanager
def told_instead(hear: Callable[[Mapping[str, float], int], None]) -> Iterator[None]:
    """Inside nothing is recorded: ``hear(metrics, step)`` is called in the place of MLflow, in the caller's thread."""
    token = _active.set(Run(_Told(hear), None, "told", {}, {}))
    try:
        yield
    finally:
        _active.reset(token)


class _Told:
    """In a writer's place."""

    def __init__(self, hear: Callable[[Mapping[str, float], int], None]) -> None:
        self.hear = hear
        self.ids: dict[str, str] = {}

    @property
    def sender(self) -> "_Told":
        return self  # of whose ids there are none

    def close(self) -> None:
        pass

    def keep(self, content: bytes, name: str = "") -> str:
        return ""

    def submit(self, entry: Mapping[str, Any]) -> None:
        points = entry.get("points", ())
        if points:
            self.hear({name: value for name, value, *_ in points}, points[0][3])


class Run:
    """One open run; its methods return at once, and the background writer keeps their order."""

    def __init__(
        self,
        writer: "Writer | _Told",
        parent: "Run | None",
        name: str,
        config: Mapping[str, Any],
        tags: dict[str, str],
        only_unfinished: bool = False,
    ) -> None:
        self.writer, self.parent, self.name = writer, parent, name
        self.key = uuid.uuid4().hex
        values = json.loads(json.dumps(config))  # a private copy: the caller may change its own
        everything = _identity(values) | {key: str(value) for key, value in tags.items()}
        opening = {"name": name, "config": values, "tags": everything, "parent": parent.key if parent else None}
        self._submit("open", **opening, only_unfinished=only_unfinished)

    @property
    def id(self) -> str:
        """MLflow's, once the writer has opened the run; empty until then."""
        return self.writer.sender.ids.get(self.key, "")

    def log_metrics(self, metrics: Mapping[str, Any], step: int | None = None) -> None:
        """Record the numbers among ``metrics`` at ``step``."""
        self.log_history([{**metrics, "step": step or 0}])

    def log_history(self, history: Sequence[Mapping[str, Any]], only_new: bool = False) -> None:
        """Record rows of ``{"step": int, metric: number, ...}``; what is no number is left out.

        With ``only_new`` also what an earlier life recorded, value by value.
        """
        now = int(time.time() * 1000)
        points = [
            (key_of(metric), float(value), now, int(row.get("step") or 0))
            for row in history
            for metric, value in row.items()
            if metric != "step" and isinstance(value, (int, float)) and not math.isnan(value)
        ]
        self._submit("metrics", points=points, only_new=only_new)

    def log_file(self, name: str, content: bytes) -> None:
        """Keep a file, under a name that may have folders before it."""
        folder, _, file = name.rpartition("/")
        self._submit("artifact", path=self.writer.keep(content, file), folder=folder)

    @property
    def is_recorded(self) -> bool:
        """Whether anything but numbers is kept; not inside ``told_instead``."""
        return isinstance(self.writer, Writer)

    def log_model(
        self, program: bytes, torch_version: str, inputs: Tensors, outputs: Tensors, facts: Mapping[str, str]
    ) -> None:
        """Keep the file of an exported program as this run's model, which ``mlflow.pytorch.load_model`` loads.

        ``inputs`` and ``outputs`` become its signature, ``facts`` its tags and metadata; ``facts["kind"]`` its type.
        """
        described = {"torch_version": str(torch_version), "inputs": dict(inputs), "outputs": dict(outputs)}
        self._submit("model", path=self.writer.keep(program), facts=dict(facts), **described)

    def log_system(self, points: Sequence[Point]) -> None:
        """Record a sample of the machine."""
        self._submit("system", points=list(points))

    def end(self, status: str) -> None:
        """Close the run as FINISHED, FAILED or KILLED."""
        self._submit("end", status=status)

    def _submit(self, do: str, **more: Any) -> None:
        self.writer.submit({"do": do, "run": self.key, **more})


def _identity(config: Mapping[str, Any]) -> dict[str, str]:
    """The tags that say which work this is; a caller's own ``config_digest`` replaces the one made here."""
    digest = hashlib.sha256(json.dumps(config, sort_keys=True).encode()).hexdigest()[:16]
    known = {key: str(config[key]) for key in ("seed", "output") if key in config}
    return {"config_digest": digest, **known}
