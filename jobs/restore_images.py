"""Denoising and inpainting by models, searches and classical methods (Ray Data): catalogue D4."""

import sys

from advgen_ray.config import RestoreImagesConfig
from advgen_ray.job import run_job
from advgen_ray.stages.restoration import run

if __name__ == "__main__":
    sys.exit(run_job(RestoreImagesConfig, run))
