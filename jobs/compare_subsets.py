"""Train without incorrect, correct, high-energy and low-energy images (Ray Train, Ray Data): catalogue B8."""

import sys

from advgen_ray.config.comparisons import CompareSubsetsConfig
from advgen_ray.job import run_job
from advgen_ray.stages.subset_comparison import run

if __name__ == "__main__":
    sys.exit(run_job(CompareSubsetsConfig, run))
