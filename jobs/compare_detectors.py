"""Compare detectors of attacks on the same images (Ray Data): catalogue B4."""

import sys

from advgen_ray.config.detectors import CompareDetectorsConfig
from advgen_ray.job import run_job
from advgen_ray.stages.detectors import run

if __name__ == "__main__":
    sys.exit(run_job(CompareDetectorsConfig, run))
