"""Run the whole study: catalogue A1, A2, B1, B2, B3, B4, B5, B6, B10, C1, C3, C4, C5, C6, C7, C8, C10.

Every stage in turn; a killed study continues.
"""

import sys

from advgen_ray.config import StudyConfig
from advgen_ray.job import run_job
from advgen_ray.stages.study import planned, run

if __name__ == "__main__":
    sys.exit(run_job(StudyConfig, run, plan=planned))
