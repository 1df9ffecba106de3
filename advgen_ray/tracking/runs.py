"""One MLflow run per job, nested under the job that called it, with its whole config and its provenance."""

import hashlib
import json
import math
import re
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path
from typing import Any

from advgen_ray.tracking.provenance import provenance
from advgen_ray.tracking.server import check_tracking
from advgen_ray.tracking.writer import MAX_METRICS_PER_CALL, MAX_PARAMS_PER_CALL, Writer, in_batches

MAX_VALUE_CHARACTERS = 500  # what every server version takes; the artifact config.json holds the whole config
_active: ContextVar["Run | None"] = ContextVar("active_run", default=None)


@contextmanager
def tracked_run(name: str, config: Mapping[str, Any], tags: Mapping[str, str] | None = None) -> Iterator["Run"]:
    """Record what happens inside as one run, nested under the run around it, if any.

    The outermost call checks the tracking server first and raises UserError where it does not answer; on the way
    out it waits until everything is written. A run of the same work into the same output that did not finish is
    continued: "the same" is ``tags["config_digest"]`` (else a digest of the config) and ``config["output"]``.
    """
    parent = _active.get()
    if parent is None:
        check_tracking()
    writer = parent.writer if parent else Writer()
    run = Run(writer, parent, name, config, dict(tags or {}))
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
        run.end(status)
        if parent is None:
            writer.close()


class Run:
    """One open run; its methods return at once, and the background writer keeps their order."""

    def __init__(
        self, writer: Writer, parent: "Run | None", name: str, config: Mapping[str, Any], tags: dict[str, str]
    ) -> None:
        self.writer, self.parent, self.name = writer, parent, name
        self.id = ""  # known once the writer has opened the run
        values = json.loads(json.dumps(config))  # a private copy: the caller may change its own
        writer.submit(lambda: self._open(values, tags))

    def log_metrics(self, metrics: Mapping[str, Any], step: int | None = None) -> None:
        """Record the numbers among ``metrics`` at ``step``."""
        self.log_history([{**metrics, "step": step or 0}])

    def log_history(self, history: Sequence[Mapping[str, Any]]) -> None:
        """Record rows of ``{"step": int, metric: number, ...}``; what is no number is left out."""
        now = int(time.time() * 1000)
        points = [
            (_key(metric), float(value), now, int(row.get("step") or 0))
            for row in history
            for metric, value in row.items()
            if metric != "step" and isinstance(value, (int, float)) and not math.isnan(value)
        ]
        self.writer.submit(lambda: self._log_points(points))

    def log_artifact(self, path: str | Path) -> None:
        """Keep a copy of a file, or of a folder with all that is in it."""
        source = Path(path).absolute()

        def copy() -> None:
            log = self.writer.client.log_artifacts if source.is_dir() else self.writer.client.log_artifact
            log(self.id, str(source), source.name if source.is_dir() else None)

        self.writer.submit(copy)

    def end(self, status: str) -> None:
        """Close the run as FINISHED, FAILED or KILLED."""
        self.writer.submit(lambda: self.writer.client.set_terminated(self.id, status))

    def _open(self, config: dict[str, Any], tags: dict[str, str]) -> None:
        client = self.writer.client
        everything = provenance() | _identity(config) | {key: str(value) for key, value in tags.items()}
        if self.parent:
            everything["mlflow.parentRunId"] = self.parent.id
        former = self._unfinished(everything)
        if former:
            self.id = former
            client.update_run(self.id, status="RUNNING")
        else:
            self.id = client.create_run(self.writer.experiment_id, tags=everything, run_name=self.name).info.run_id
            self._log_params(config)
        client.log_dict(self.id, config, "config.json")

    def _unfinished(self, tags: dict[str, str]) -> str | None:
        """The id of a run of the same work under the same parent that was killed or failed."""
        if "output" not in tags:
            return None
        wanted = {"mlflow.runName": self.name, "config_digest": tags["config_digest"], "output": tags["output"]}
        clauses = [f"tags.`{key}` = '{_quoted(value)}'" for key, value in wanted.items()]
        found = self.writer.client.search_runs(
            [self.writer.experiment_id],
            " and ".join([*clauses, "attributes.status != 'FINISHED'"]),
            max_results=20,
        )
        parent = tags.get("mlflow.parentRunId")
        return next((r.info.run_id for r in found if r.data.tags.get("mlflow.parentRunId") == parent), None)

    def _log_params(self, config: dict[str, Any]) -> None:
        from mlflow.entities import Param

        params = [Param(_key(key), value[:MAX_VALUE_CHARACTERS]) for key, value in flattened(config)]
        for batch in in_batches(params, MAX_PARAMS_PER_CALL):
            self.writer.client.log_batch(self.id, params=batch)

    def _log_points(self, points: list[tuple[str, float, int, int]]) -> None:
        from mlflow.entities import Metric

        metrics = [Metric(*point) for point in points]
        for batch in in_batches(metrics, MAX_METRICS_PER_CALL):
            self.writer.client.log_batch(self.id, metrics=batch)


def flattened(config: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, str]]:
    """``("optimizer.learning_rate", "0.001")`` for every leaf; lists and nulls as JSON."""
    for key, value in config.items():
        if isinstance(value, Mapping) and value:
            yield from flattened(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value if isinstance(value, str) else json.dumps(value)


def _identity(config: Mapping[str, Any]) -> dict[str, str]:
    """The tags that say which work this is; a caller's own ``config_digest`` replaces the one made here."""
    digest = hashlib.sha256(json.dumps(config, sort_keys=True).encode()).hexdigest()[:16]
    known = {key: str(config[key]) for key in ("seed", "output") if key in config}
    return {"config_digest": digest, **known}


def _key(name: str) -> str:
    """A metric or parameter name with what MLflow refuses replaced."""
    return re.sub(r"[^\w\-./ ]", "_", name)[:250]


def _quoted(value: str) -> str:
    return value.replace("'", "''")
