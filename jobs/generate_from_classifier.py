"""Make images from classifiers and read their input gradients (Ray Data): catalogue B10, B6."""

import sys

from advgen_ray.config.classifier_images import GenerateFromClassifierConfig
from advgen_ray.job import run_job
from advgen_ray.stages.classifier_images import run

if __name__ == "__main__":
    sys.exit(run_job(GenerateFromClassifierConfig, run))
