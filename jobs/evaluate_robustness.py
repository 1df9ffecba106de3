"""Evaluate a classifier's worst-case accuracy under several attacks (Ray Data): catalogue A4, A5."""

import sys

from advgen_ray.config.evaluation import EvaluateRobustnessConfig
from advgen_ray.job import run_job
from advgen_ray.stages.robustness import run

if __name__ == "__main__":
    sys.exit(run_job(EvaluateRobustnessConfig, run))
