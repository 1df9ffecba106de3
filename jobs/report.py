"""Turn stored results into tables, figures, report.html and summary.json."""

import sys

from advgen_ray.config import ReportConfig
from advgen_ray.job import run_job
from advgen_ray.stages.report import run

if __name__ == "__main__":
    sys.exit(run_job(ReportConfig, run))
