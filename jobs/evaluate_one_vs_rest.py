"""AUC of detectors of one class each, images of the others at their worst (Ray Data): catalogue D6."""

import sys

from advgen_ray.config import EvaluateOneVsRestConfig
from advgen_ray.job import run_job
from advgen_ray.stages.one_vs_rest_evaluation import run

if __name__ == "__main__":
    sys.exit(run_job(EvaluateOneVsRestConfig, run))
