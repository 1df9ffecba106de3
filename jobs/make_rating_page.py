"""Make a page on which people say what they see in counterfactuals: catalogue C11."""

import sys

from advgen_ray.config import MakeRatingPageConfig
from advgen_ray.job import run_job
from advgen_ray.stages.rating_page import run

if __name__ == "__main__":
    sys.exit(run_job(MakeRatingPageConfig, run))
