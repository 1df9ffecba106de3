"""Set classifiers' gradients beside counterfactuals (Ray Data): catalogue C11, S002's second question."""

import sys

from advgen_ray.config.gradient_alignment import AlignGradientsConfig
from advgen_ray.job import run_job
from advgen_ray.stages.gradient_alignment import run

if __name__ == "__main__":
    sys.exit(run_job(AlignGradientsConfig, run))
