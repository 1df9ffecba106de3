"""Send a small training through a job server, train the same here, and compare, with what MLflow has of it: E4, E5."""

import sys

from advgen_ray.config import CheckServiceConfig
from advgen_ray.job import run_job
from advgen_ray.stages.service import run

if __name__ == "__main__":
    sys.exit(run_job(CheckServiceConfig, run))
