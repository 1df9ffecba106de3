"""Least L2 distortion past generative and integrated detection (Ray Data): catalogue D6."""

import sys

from advgen_ray.config import MeasureDistortionConfig
from advgen_ray.job import run_job
from advgen_ray.stages.distortion import run

if __name__ == "__main__":
    sys.exit(run_job(MeasureDistortionConfig, run))
