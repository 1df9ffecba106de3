"""What every job leaves beside its results: a run in MLflow, a summary for programs and a page for people."""

import json
import math
from collections.abc import Mapping
from contextlib import AbstractContextManager
from typing import Any

from advgen_ray.config import Config
from advgen_ray.report.page import Page, render
from advgen_ray.stages.checks import work_begins
from advgen_ray.storage.filesystem import join, write_atomic
from advgen_ray.tracking import Run, tracked_run

PAGE, SUMMARY = "report.html", "summary.json"


def tracked_job(name: str, config: Config, unless_finished: bool = False) -> AbstractContextManager[Run]:
    """The job's run, as its work begins: its whole config, found again by what it computes.

    ``unless_finished`` is as for ``tracked_run``: a job gives it where its results lay there finished before, so that
    the same command again, which computes nothing, leaves no second run.
    """
    work_begins()
    tags = {"config_digest": config.digest()}
    return tracked_run(name, config.model_dump(mode="json"), tags, unless_finished=unless_finished)


def publish(
    output: str, summary: Mapping[str, Any] | list[dict[str, Any]], page: Page | None = None, tracked: Run | None = None
) -> None:
    """Write both under ``output``, and into the run; what is not finite, which JSON does not have, becomes null."""
    files = {SUMMARY: json.dumps(_finite(summary), indent=1, allow_nan=False) + "\n"}
    if page:
        files[PAGE] = render(page)
    for name, content in files.items():
        write_atomic(join(output, name), content.encode())
        if tracked:
            tracked.log_file(name, content.encode())


def rounded(value: float) -> float | None:
    """A number of a summary; None where there is none."""
    return round(float(value), 6) if math.isfinite(value) else None


def _finite(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _finite(inner) for key, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return [_finite(inner) for inner in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
