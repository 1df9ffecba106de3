"""What was run, kept in MLflow: the only package that imports mlflow, and it does so late and beside the work."""

from advgen_ray.tracking.runs import Run, check_before_work, told_instead, tracked_run
from advgen_ray.tracking.server import check_tracking, tracking_uri
from advgen_ray.tracking.side_by_side import SideBySide

__all__ = ["Run", "SideBySide", "check_before_work", "check_tracking", "told_instead", "tracked_run", "tracking_uri"]
