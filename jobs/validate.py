"""Read a finished result set and check every promise it makes."""

import sys

from advgen_ray.config import ValidateConfig
from advgen_ray.job import run_job
from advgen_ray.stages.validation import run

if __name__ == "__main__":
    sys.exit(run_job(ValidateConfig, run))
