"""Score logits, energies and correctness under classifiers (Ray Data): catalogue B1, B2, B3, B5."""

import sys

from advgen_ray.config import ScoreEnergiesConfig
from advgen_ray.job import run_job
from advgen_ray.stages.energies import run

if __name__ == "__main__":
    sys.exit(run_job(ScoreEnergiesConfig, run))
