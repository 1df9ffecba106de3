"""Masks of integrated gradients under several classifiers (Ray Data): catalogue D9."""

import sys

from advgen_ray.config import ExplainPredictionsConfig
from advgen_ray.job import run_job
from advgen_ray.stages.explanation import run

if __name__ == "__main__":
    sys.exit(run_job(ExplainPredictionsConfig, run))
