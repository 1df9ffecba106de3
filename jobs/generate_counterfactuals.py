"""Generate counterfactual examples (Ray Data): catalogue C2, C3, E2."""

import sys

from advgen_ray.config import GenerateConfig
from advgen_ray.job import run_job
from advgen_ray.stages.counterfactuals import run

if __name__ == "__main__":
    sys.exit(run_job(GenerateConfig, run))
