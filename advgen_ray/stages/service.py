"""The stage that checks the service: a training by a job server beside the same one here, and its run in MLflow."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import version
from typing import Any

from advgen_ray.config import CheckServiceConfig, TrainClassifierConfig
from advgen_ray.distributed.own_head import own_head
from advgen_ray.errors import IncompleteError, UserError
from advgen_ray.report.service_page import lacking, service_page
from advgen_ray.stages import classifier
from advgen_ray.stages.outcome import PAGE, publish, tracked_job
from advgen_ray.storage.filesystem import ensure_writable, join, read_bytes
from advgen_ray.tracking.reading import kept_of
from advgen_ray.training.model_directory import CARD

ACCURACIES = ("clean_accuracy", "pgd_accuracy")


def run(config: CheckServiceConfig) -> dict[str, Any]:
    """``compare``; raises IncompleteError, once all is written, unless weights are equal and the run is whole."""
    summary = compare(config)
    missing = lacking(summary["kept"])
    wrong = [] if summary["same_weights"] else ["the submitted training has other weights than the one here"]
    if missing:
        wrong.append(f"its run in MLflow has no {', '.join(missing)}: set MLFLOW_TRACKING_URI to a server both reach")
    if wrong:
        raise IncompleteError(f"{'; '.join(wrong)}; see {summary['report']}, and remove {config.output} to try anew")
    return summary


def compare(config: CheckServiceConfig) -> dict[str, Any]:
    """Train both, those of them that are not there yet, and compare; returns what each left.

    Raises UserError where no job server answers, where the job that was sent does not succeed, with its last line, or
    for a place that cannot be written.
    """
    ensure_writable(config.output)
    with tracked_job("service", config) as tracked:
        task = classifier.task_of(config.submitted)
        begin = time.monotonic()
        if not task.finished():
            with _server(config) as (address, environment):
                _submit(config.submitted, address, environment)
        seconds = time.monotonic() - begin
        classifier.run(config.here)
        cards = {name: _card(one) for name, one in (("submitted", config.submitted), ("here", config.here))}
        weights = {card["weights_sha256"] for card in cards.values()}
        summary = {
            "output": config.output,
            "report": join(config.output, PAGE),
            **{name: {key: card["metrics"].get(key) for key in ACCURACIES} for name, card in cards.items()},
            "same_weights": len(weights) == 1,
            "kept": kept_of(task.digest, task.output),
            "seconds_submitted": round(seconds, 1),
        }
        page = service_page(summary, config.model_dump(mode="json"), version("advgen_ray"))
        publish(config.output, summary, page, tracked)
    return summary


@contextmanager
def _server(config: CheckServiceConfig) -> Iterator[tuple[str, dict[str, str]]]:
    if config.address:
        yield config.address, dict(os.environ)
    else:
        with own_head() as (address, environment):
            yield address, environment


def _submit(training: TrainClassifierConfig, address: str, environment: dict[str, str]) -> None:
    """As a user types it, in a process of its own: this one may belong to another cluster, with another token."""
    command = [sys.executable, "-m", "advgen_ray.cli", "submit", "train_classifier", "--address", address]
    for key, value in training.model_dump(mode="json").items():
        command += ["--set", f"{key}={json.dumps(value)}"]
    said = []
    with subprocess.Popen(
        command, env=environment, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, errors="replace"
    ) as process:
        assert process.stdout
        for line in process.stdout:
            print(f"submitted  {line}", end="", flush=True)
            said.append(line.strip())
    if process.returncode:
        reason = next((line for line in reversed(said) if line), "it said nothing")
        raise UserError(f"the job sent to {address} did not succeed: {reason}")


def _card(training: TrainClassifierConfig) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(read_bytes(join(training.output, "model", CARD)))
    return found
