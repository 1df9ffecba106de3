"""One background thread that talks to MLflow, so that its slow start and its writes never hold up the work.

Importing mlflow and laying out a fresh sqlite file take seven seconds on a quiet machine; a job spends them training.
"""

import logging
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from advgen_ray.tracking.server import artifact_location, experiment_name, redacted, sqlite_path, tracking_uri

MAX_METRICS_PER_CALL = 1000
MAX_PARAMS_PER_CALL = 100


class Writer:
    """Calls to MLflow in the order they were asked for; after the first failure one warning, then silence."""

    def __init__(self) -> None:
        self.uri, self.experiment = tracking_uri(), experiment_name()
        self.failed = False
        self.client: Any = None
        self.experiment_id = ""
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="tracking")
        self.submit(self._connect)

    def submit(self, call: Callable[[], None]) -> None:
        """Queue one call; it sees ``client`` and ``experiment_id`` ready."""
        self._thread.submit(self._guarded, call)

    def close(self) -> None:
        """Wait until everything queued is written."""
        self._thread.shutdown(wait=True)

    def _guarded(self, call: Callable[[], None]) -> None:
        if self.failed:
            return
        try:
            call()
        except Exception as error:  # whatever MLflow raises: a lost record must not cost hours of computing
            self.failed = True
            first_line = (str(error).splitlines() or [type(error).__name__])[0].replace(self.uri, redacted(self.uri))
            print(f"advgen: warning: tracking stopped, results are not affected: {first_line}", file=sys.stderr)

    def _connect(self) -> None:
        for name, value in _QUIET_AND_QUICK.items():
            os.environ.setdefault(name, value)
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


# A server that was there at the start and then went away is given up after seconds; mlflow would try for minutes.
_QUIET_AND_QUICK = {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "2",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "20",
}


def in_batches(items: Sequence[Any], size: int) -> Iterator[Sequence[Any]]:
    """Consecutive slices of at most ``size`` items."""
    for start in range(0, len(items), size):
        yield items[start : start + size]
