"""Make the page on which every counterfactual of a set can be looked at, one by one."""

import sys

from advgen_ray.config import ExploreCounterfactualsConfig
from advgen_ray.job import run_job
from advgen_ray.stages.explorer import run

if __name__ == "__main__":
    sys.exit(run_job(ExploreCounterfactualsConfig, run))
