"""A job as a user starts it: in a process of its own, whose words go to a log that a failing test shows."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from advgen_ray.config import Config

ROOT = Path(__file__).parents[1]
PATIENCE_SECONDS = 600.0  # for what takes a minute on two cores, where others use them as well or the disk is slow


class JobProcess:
    """A command started in the checkout, with a cluster of its own unless ``environment`` has ``RAY_ADDRESS``."""

    def __init__(self, command: Sequence[str], log: Path, **environment: str) -> None:
        self.log = log
        own = {"RAY_ADDRESS": "", "RAY_AUTH_MODE": "disabled", "PYTHONPATH": str(ROOT)}
        with log.open("wb") as output:
            self.process = subprocess.Popen(
                [sys.executable, *command],
                cwd=ROOT,
                env=os.environ | own | environment,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    @classmethod
    def of(cls, job: str, config: Config, log: Path, **environment: str) -> "JobProcess":
        """A file of ``jobs/``; its config lies beside the log."""
        file = log.with_suffix(".yaml")
        file.write_text(config.to_yaml())
        return cls([f"jobs/{job}.py", "--config", str(file)], log, **environment)

    def wait_until(self, reached: Callable[[], bool], often: float = 0.02) -> None:
        """Look again and again; the test fails if the job ends before it is so, or it takes too long."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while not reached():
            if self.process.poll() is not None:
                self._fail(f"the job ended early, with {self.process.returncode}")
            if time.monotonic() > deadline:
                self._fail("the job does not come so far")
            time.sleep(often)

    def finish(self) -> str:
        """Wait for its end, which must be a good one; what it said."""
        try:
            if self.process.wait(PATIENCE_SECONDS):
                self._fail(f"the job ended with {self.process.returncode}")
        except subprocess.TimeoutExpired:
            self._fail("the job does not end")
        return self.log.read_text()

    def kill(self) -> None:
        """SIGKILL to all its processes."""
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()

    def kill_driver(self) -> None:
        """SIGKILL to the driver alone: what it started notices, or does not."""
        self.process.kill()
        self.process.wait()

    def _fail(self, why: str) -> None:
        if self.process.poll() is None:
            self.kill()
        pytest.fail(f"{why}:\n{self.log.read_text()[-3000:]}")
