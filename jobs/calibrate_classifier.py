"""Learn the constants of a generative classifier (Ray Data, then descent): catalogue D8."""

import sys

from advgen_ray.config import CalibrateClassifierConfig
from advgen_ray.job import run_job
from advgen_ray.stages.calibration import run

if __name__ == "__main__":
    sys.exit(run_job(CalibrateClassifierConfig, run))
