"""Send a training through a job server, train the same here, compare, with what MLflow has: catalogue E4, E5."""

import sys

from advgen_ray.config import CheckServiceConfig
from advgen_ray.job import run_job
from advgen_ray.stages.service import run

if __name__ == "__main__":
    sys.exit(run_job(CheckServiceConfig, run))
