"""Compare classifiers by their accuracy against the radius of the attack (Ray Data): catalogue D8."""

import sys

from advgen_ray.config import CompareRobustnessConfig
from advgen_ray.job import run_job
from advgen_ray.stages.robustness_comparison import run

if __name__ == "__main__":
    sys.exit(run_job(CompareRobustnessConfig, run))
