"""Turn raters' answers into agreement, reliability and a page: catalogue C11."""

import sys

from advgen_ray.config import ReadRatingsConfig
from advgen_ray.job import run_job
from advgen_ray.stages.ratings import run

if __name__ == "__main__":
    sys.exit(run_job(ReadRatingsConfig, run))
