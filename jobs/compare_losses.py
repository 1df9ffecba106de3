"""Compare the losses of robust training over seeds (Ray Train): catalogue A3, B7, B9."""

import sys

from advgen_ray.config.comparisons import CompareLossesConfig
from advgen_ray.job import run_job
from advgen_ray.stages.loss_comparison import run

if __name__ == "__main__":
    sys.exit(run_job(CompareLossesConfig, run))
