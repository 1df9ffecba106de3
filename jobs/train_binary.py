"""Binary adversarial training of a generative model or detector (Ray Train): catalogue D2."""

import sys

from advgen_ray.config import TrainBinaryConfig
from advgen_ray.job import run_job
from advgen_ray.stages.binary import run

if __name__ == "__main__":
    sys.exit(run_job(TrainBinaryConfig, run))
