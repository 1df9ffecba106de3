"""Search the settings of an adversarial training (Ray Tune over Ray Train): catalogue A3, E3."""

import sys

from advgen_ray.config.search import SearchTrainingConfig
from advgen_ray.job import run_job
from advgen_ray.stages.search import run

if __name__ == "__main__":
    sys.exit(run_job(SearchTrainingConfig, run))
