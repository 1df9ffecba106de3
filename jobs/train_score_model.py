"""Train a class-conditional score model (Ray Train): catalogue C1."""

import sys

from advgen_ray.config import TrainScoreModelConfig
from advgen_ray.job import run_job
from advgen_ray.stages.score_model import run

if __name__ == "__main__":
    sys.exit(run_job(TrainScoreModelConfig, run))
