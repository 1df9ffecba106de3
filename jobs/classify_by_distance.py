"""Classify images by the distance of their counterfactuals (Ray Data): catalogue C9."""

import sys

from advgen_ray.config.distance_classifier import ClassifyByDistanceConfig
from advgen_ray.job import run_job
from advgen_ray.stages.distance_classifier import run

if __name__ == "__main__":
    sys.exit(run_job(ClassifyByDistanceConfig, run))
