"""Generate counterfactual examples by a classifier's gradients (Ray Data): catalogue C4, and DVCE."""

import sys

from advgen_ray.config import GenerateByClassifierConfig
from advgen_ray.job import run_job
from advgen_ray.stages.counterfactuals import run

if __name__ == "__main__":
    sys.exit(run_job(GenerateByClassifierConfig, run))
