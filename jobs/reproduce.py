"""Run rows of the catalogue of the five documents, and end in one page of what holds: every row, A1 to E5."""

import sys

from advgen_ray.config import ReproduceConfig
from advgen_ray.costs.plan import plan
from advgen_ray.job import run_job
from advgen_ray.stages.reproduction import run

if __name__ == "__main__":
    sys.exit(run_job(ReproduceConfig, run, plan=plan))
