"""Search the settings of counterfactuals (Ray Tune, a set a trial): catalogue C11, E3."""

import sys

from advgen_ray.config.counterfactual_search import SearchCounterfactualsConfig
from advgen_ray.job import run_job
from advgen_ray.stages.counterfactual_search import run

if __name__ == "__main__":
    sys.exit(run_job(SearchCounterfactualsConfig, run))
