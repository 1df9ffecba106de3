"""The mark beside a result whose run in MLflow is over: without it the next command completes that run."""

from advgen_ray.storage.filesystem import exists, join, write_atomic
from advgen_ray.tracking import Run

TRACKED = "tracked"  # an empty file


def is_tracked(output: str) -> bool:
    """Whether the run of the result at ``output`` is over."""
    return exists(join(output, TRACKED))


def mark_once_recorded(run: Run, output: str) -> None:
    """Leave the mark when all of ``run`` is in MLflow: not while it is queued, which a kill would lose."""
    run.once_recorded(lambda: write_atomic(join(output, TRACKED), b""))
