"""Train a detector for every class against the others (Ray Train): catalogue D6, D8."""

import sys

from advgen_ray.config import TrainOneVsRestConfig
from advgen_ray.job import run_job
from advgen_ray.stages.one_vs_rest import run

if __name__ == "__main__":
    sys.exit(run_job(TrainOneVsRestConfig, run))
