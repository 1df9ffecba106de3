"""Adversarially train a classifier (Ray Train): catalogue A1, A2, A3, E1."""

import sys

from advgen_ray.config import TrainClassifierConfig
from advgen_ray.job import run_job
from advgen_ray.stages.classifier import run

if __name__ == "__main__":
    sys.exit(run_job(TrainClassifierConfig, run))
