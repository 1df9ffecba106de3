"""Standard and worst-case out-of-distribution detection (Ray Data): catalogue D7."""

import sys

from advgen_ray.config import EvaluateOODConfig
from advgen_ray.job import run_job
from advgen_ray.stages.ood import run

if __name__ == "__main__":
    sys.exit(run_job(EvaluateOODConfig, run))
