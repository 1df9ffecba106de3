"""One MLflow run per job, nested under the job that called it, with its whole config and its provenance."""

import hashlib
import json
import math
import os
import socket
import time
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from advgen_ray.tracking.sender import key_of
from advgen_ray.tracking.server import check_tracking
from advgen_ray.tracking.system_metrics import Point, SystemMetrics, wanted
from advgen_ray.tracking.writer import Then, Writer

Tensors = Mapping[str, tuple[str, Sequence[int]]]
"""Dtype and shape by name, -1 for a dimension of any size; a single tensor is called ``""``."""

_active: ContextVar["Run | None"] = ContextVar("active_run", default=None)


def check_before_work() -> None:
    """Raise UserError where the tracking server does not answer; not once a run is open: then that costs no work."""
    if _active.get() is None:
        check_tracking()


@contextmanager
def tracked_run(
    name: str,
    config: Mapping[str, Any],
    tags: Mapping[str, str] | None = None,
    *,
    unless_finished: bool = False,
    checked: bool = False,
) -> Iterator["Run"]:
    """Record what happens inside as one run, nested under the run around it, if any.

    The outermost call checks the tracking server first, unless its caller has (``checked``), and raises UserError where
    it does not answer; its run gets this machine's system metrics; on the way out it waits until everything is written,
    or stored for later. A run of the same work into the same output that did not finish is continued: "the same" is
    ``tags["config_digest"]`` (else a digest of the config) and the place of ``config["output"]``; with
    ``unless_finished`` nothing is recorded where there is one that did, but none that did not.
    """
    if not checked:
        check_before_work()
    parent = _active.get()
    writer = parent.writer if parent else Writer()
    run = Run(writer, parent, name, config, dict(tags or {}), unless_finished)
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

    def submit(self, entry: Mapping[str, Any], then: Then | None = None) -> None:
        by_step: dict[int, dict[str, float]] = {}
        for name, value, _, step in entry.get("points", ()):
            by_step.setdefault(step, {})[name] = value
        for step, values in by_step.items():
            self.hear(values, step)
        if then:
            then()


class Run:
    """One open run; its methods return at once, and the background writer keeps their order."""

    def __init__(
        self,
        writer: "Writer | _Told",
        parent: "Run | None",
        name: str,
        config: Mapping[str, Any],
        tags: dict[str, str],
        unless_finished: bool = False,
    ) -> None:
        self.writer, self.parent, self.name = writer, parent, name
        self.key = uuid.uuid4().hex
        self._then: Then | None = None
        values = json.loads(json.dumps(config))  # a private copy: the caller may change its own
        everything = _identity(values) | {key: str(value) for key, value in tags.items()}
        opening = {"name": name, "config": values, "tags": everything, "parent": parent.key if parent else None}
        self._submit("open", **opening, unless_finished=unless_finished)

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

    def once_recorded(self, then: Then) -> None:
        """Call ``then``, in another thread, once all of the run is in MLflow, its end FINISHED too."""
        self._then = then

    def end(self, status: str) -> None:
        """Close the run as FINISHED, FAILED or KILLED."""
        then = self._then if status == "FINISHED" else None
        self.writer.submit({"do": "end", "run": self.key, "status": status}, then)

    def _submit(self, do: str, **more: Any) -> None:
        self.writer.submit({"do": do, "run": self.key, **more})


def _identity(config: Mapping[str, Any]) -> dict[str, str]:
    """The tags that say which work this is; a caller's own ``config_digest`` replaces the one made here."""
    known = {key: str(config[key]) for key in ("seed", "output") if key in config}
    return {"config_digest": _digest(json.dumps(config, sort_keys=True)), **known, **_place(known.get("output", "/"))}


def _place(output: str) -> dict[str, str]:
    """Whose ``runs/study`` it is: users of one server all have one. As a digest, since no record names a machine."""
    if output.startswith("/") or "://" in output:
        return {}  # the same from wherever it is written
    return {"place": _digest(f"{socket.gethostname()}:{os.path.abspath(output)}")}


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:16]
