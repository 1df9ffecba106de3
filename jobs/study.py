"""Run the whole study, every stage in turn; a killed study continues."""

import sys

from advgen_ray.config import StudyConfig
from advgen_ray.job import run_job
from advgen_ray.stages.study import planned, run

if __name__ == "__main__":
    sys.exit(run_job(StudyConfig, run, plan=planned))
