"""What a run has to say as plain data, and its way into MLflow, which is imported here and in ``models.py`` alone."""

import json
import logging
import os
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from advgen_ray.tracking.models import log_model
from advgen_ray.tracking.provenance import provenance
from advgen_ray.tracking.server import artifact_location, sqlite_path

MAX_METRICS_PER_CALL = 1000
MAX_PARAMS_PER_CALL = 100
MAX_VALUE_CHARACTERS = 500  # what every server version takes; the artifact config.json holds the whole config
# A server that does not answer is left to the writer, which has more patience than mlflow and holds up nothing.
_QUIET_AND_QUICK = {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "20",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
}

Entry = dict[str, Any]
"""JSON: ``do``, one of ``Sender.send``'s ways; the ``run`` it belongs to by a key of ours; and what that way takes."""


class Sender:
    """Sends entries, each as often as it takes: a repeated one changes nothing. ``ids`` are MLflow's, by our keys.

    It may send in another thread than it is made in, where nothing else reads the environment: the C library moves that
    as it grows, and a thread that reads it then, Amazon's client say, dies of it.
    """

    def __init__(self, uri: str, experiment: str) -> None:
        _tell_mlflow()
        self.uri, self.experiment = uri, experiment
        self.client: Any = None
        self.experiment_id = ""
        self.ids: dict[str, str] = {}
        self._began: dict[str, int] = {}  # Unix time in milliseconds, by MLflow's ids

    def send(self, entry: Entry) -> None:
        """Send one entry; raises what MLflow raises."""
        if not self.experiment_id:
            self._connect()
        ways = {
            "open": self._open,
            "metrics": self._metrics,
            "system": self._system,
            "artifact": self._artifact,
            "model": self._model,
            "end": self._end,
        }
        ways[entry["do"]](entry)

    def _connect(self) -> None:
        from mlflow import MlflowClient

        for noisy in ("alembic", "mlflow.store.db.utils"):
            logging.getLogger(noisy).setLevel(logging.WARNING)
        database = sqlite_path(self.uri)
        if database:
            database.parent.mkdir(parents=True, exist_ok=True)
        self.client = MlflowClient(self.uri)
        found = self.client.get_experiment_by_name(self.experiment)
        self.experiment_id = (
            found.experiment_id
            if found
            else self.client.create_experiment(self.experiment, artifact_location=artifact_location(self.uri))
        )

    def _open(self, entry: Entry) -> None:
        tags = (entry.get("provenance") or provenance()) | entry["tags"]
        if entry["parent"]:
            tags["mlflow.parentRunId"] = self.ids[entry["parent"]]
        tags["run_key"] = entry["run"]
        former = self._sent_before(entry) or self._unfinished(entry["name"], tags)
        if not former and entry.get("unless_finished") and self._same_work(entry["name"], tags, "= 'FINISHED'"):
            return  # and what comes of this run is not sent
        if former:
            run_id = former.info.run_id
            self.client.update_run(run_id, status="RUNNING")
        else:
            run_id = self.client.create_run(self.experiment_id, tags=tags, run_name=entry["name"]).info.run_id
        if (
            not former or former.data.tags.get("run_key") == entry["run"]
        ):  # another life's may differ, and cannot change
            self._params(run_id, entry["config"])
        self.client.log_dict(run_id, entry["config"], "config.json")
        self.ids[entry["run"]] = run_id

    def _unfinished(self, name: str, tags: dict[str, str]) -> Any:
        """A run of the same work under the same parent that was killed or failed.

        Or of this very run, where the server opened it and its answer was lost.
        """
        parent = tags.get("mlflow.parentRunId")
        found = self._same_work(name, tags, "!= 'FINISHED'")
        return next((run for run in found if run.data.tags.get("mlflow.parentRunId") == parent), None)

    def _sent_before(self, entry: Entry) -> Any:
        """The run of an entry that waited on disk, where who sent it was killed before it could say so there."""
        if "provenance" not in entry:
            return None
        query = f"tags.run_key = {quoted(entry['run'])}"
        return next(iter(self.client.search_runs([self.experiment_id], query, max_results=1)), None)

    def _same_work(self, name: str, tags: dict[str, str], status: str) -> Any:
        """The latest runs that computed the same into the same output."""
        wanted = {"mlflow.runName": name, "config_digest": tags["config_digest"]}
        where = [key for key in tags if key in ("output", "place")] or ["run_key"]
        wanted |= {key: tags[key] for key in where}
        clauses = [f"tags.`{key}` = {quoted(value)}" for key, value in wanted.items()]
        query = " and ".join([*clauses, f"attributes.status {status}"])
        return self.client.search_runs([self.experiment_id], query, max_results=20)

    def _params(self, run_id: str, config: dict[str, Any]) -> None:
        from mlflow.entities import Param

        params = [Param(key_of(key), value[:MAX_VALUE_CHARACTERS]) for key, value in flattened(config)]
        for batch in _in_batches(params, MAX_PARAMS_PER_CALL):
            self.client.log_batch(run_id, params=batch)

    def _metrics(self, entry: Entry) -> None:
        from mlflow.entities import Metric

        run_id = self.ids[entry["run"]]
        points = self._unknown(run_id, entry["points"]) if entry.get("only_new") else entry["points"]
        for batch in _in_batches([Metric(*point) for point in points], MAX_METRICS_PER_CALL):
            self.client.log_batch(run_id, metrics=batch)

    def _unknown(self, run_id: str, points: Sequence[Any]) -> list[Any]:
        """Those of which the run has no value at their step."""
        names = {name for name, *_ in points}
        known = {name: {one.step for one in self.client.get_metric_history(run_id, name)} for name in names}
        return [point for point in points if point[3] not in known[point[0]]]

    def _system(self, entry: Entry) -> None:
        """A sample's step is the second of its run, counted from the first life of one that is continued."""
        from mlflow.entities import Metric

        run_id = self.ids[entry["run"]]
        if run_id not in self._began:
            self._began[run_id] = self.client.get_run(run_id).info.start_time
        metrics = [Metric(name, value, at, (at - self._began[run_id]) // 1000) for name, value, at in entry["points"]]
        self.client.log_batch(run_id, metrics=metrics)

    def _model(self, entry: Entry) -> None:
        log_model(self.client, self.experiment_id, self.ids[entry["run"]], entry)

    def _artifact(self, entry: Entry) -> None:
        self.client.log_artifact(self.ids[entry["run"]], entry["path"], entry["folder"] or None)

    def _end(self, entry: Entry) -> None:
        self.client.set_terminated(self.ids[entry["run"]], entry["status"])


def _tell_mlflow() -> None:
    for name, value in _QUIET_AND_QUICK.items():
        os.environ.setdefault(name, value)
    os.environ["MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT"] = "true"  # it would print the address with its password
    s3 = os.environ.get("AWS_ENDPOINT_URL_S3") or os.environ.get("AWS_ENDPOINT_URL")
    if s3:  # where result sets go; MLflow has a name of its own for it
        os.environ.setdefault("MLFLOW_S3_ENDPOINT_URL", s3)


def key_of(name: str) -> str:
    """A metric or parameter name with what MLflow refuses replaced."""
    return "".join(c if c.isalnum() or c in "_-./ " else "_" for c in name)[:250]


def flattened(config: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, str]]:
    """``("optimizer.learning_rate", "0.001")`` for every leaf; lists and nulls as JSON."""
    for key, value in config.items():
        if isinstance(value, Mapping) and value:
            yield from flattened(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value if isinstance(value, str) else json.dumps(value)


def _in_batches(items: Sequence[Any], size: int) -> Iterator[Sequence[Any]]:
    for start in range(0, len(items), size):
        yield items[start : start + size]


def quoted(value: str) -> str:
    """As a search of MLflow's takes a text: it knows no escapes, so one with both kinds of quotes is not found."""
    mark = '"' if "'" in value else "'"
    return f"{mark}{value}{mark}"
