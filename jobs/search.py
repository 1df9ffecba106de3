"""Search the settings of any job that computes something (Ray Tune over Ray Train or Data): catalogue C2, D10, E3."""

import sys

from advgen_ray.config.search import SearchConfig
from advgen_ray.job import run_job
from advgen_ray.stages.search import run

if __name__ == "__main__":
    sys.exit(run_job(SearchConfig, run))
