"""Where results lie: one filesystem for local paths and S3, and result sets that are complete or not there."""

from advgen_ray.storage.result_set import ResultSet

__all__ = ["ResultSet"]
