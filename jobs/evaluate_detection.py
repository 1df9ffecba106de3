"""Integrated and generative detection under adaptive attacks (Ray Data): catalogue D6."""

import sys

from advgen_ray.config import EvaluateDetectionConfig
from advgen_ray.job import run_job
from advgen_ray.stages.class_detection import run

if __name__ == "__main__":
    sys.exit(run_job(EvaluateDetectionConfig, run))
