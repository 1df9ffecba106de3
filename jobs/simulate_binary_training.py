"""Binary adversarial training in the plane, maximin and minimax: catalogue D1."""

import sys

from advgen_ray.config import SimulateBinaryTrainingConfig
from advgen_ray.job import run_job
from advgen_ray.stages.binary_simulation import run

if __name__ == "__main__":
    sys.exit(run_job(SimulateBinaryTrainingConfig, run))
