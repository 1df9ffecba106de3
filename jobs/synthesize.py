"""Images by ascent of a class's logit, of any of our models (Ray Data): catalogue D3, D5, D9."""

import sys

from advgen_ray.config import SynthesizeConfig
from advgen_ray.job import run_job
from advgen_ray.stages.synthesis import run

if __name__ == "__main__":
    sys.exit(run_job(SynthesizeConfig, run))
