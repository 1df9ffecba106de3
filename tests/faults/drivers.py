"""A job's own command, as a user runs it again after it died: beside the cluster, or handed to its job server."""

import os
import shlex
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import psutil

from tests.faults.machines import Machines

ROOT = Path(__file__).parents[2]
LOOK_SECONDS = 0.5  # between two questions to a job server
START_SECONDS = 120.0


class Driver(Protocol):
    """What a harness asks of either."""

    def start(self) -> None:
        """The same command, for the first time or once more."""

    def ended(self) -> int | None:
        """The exit code; None while it runs."""

    def kill(self) -> bool:
        """SIGKILL; whether there was anything to kill."""

    def said(self) -> str:
        """The end of its log."""


@dataclass(frozen=True)
class Command:
    """A program of jobs/ with a config, and what its environment holds besides."""

    program: str
    config: Path
    environment: dict[str, str]

    @property
    def words(self) -> list[str]:
        """As a shell takes it, in the checkout."""
        return [sys.executable, f"jobs/{self.program}.py", "--config", str(self.config)]


class OwnProcess:
    """A driver started on this machine, which joins the cluster."""

    def __init__(self, command: Command, machines: Machines) -> None:
        self.command = command
        self.log = command.config.with_suffix(".log")
        self.environment = os.environ | command.environment | {"RAY_ADDRESS": machines.address}

    def start(self) -> None:
        with self.log.open("a") as log:
            self.process = subprocess.Popen(
                self.command.words, cwd=ROOT, env=self.environment, stdout=log, stderr=log, start_new_session=True
            )

    def ended(self) -> int | None:
        return self.process.poll()

    def kill(self) -> bool:
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
        return True

    def said(self) -> str:
        return self.log.read_text()[-2000:]


class Submitted:
    """A driver that the head's job server runs; what is killed is its process there."""

    def __init__(self, command: Command, machines: Machines) -> None:
        from ray.job_submission import JobSubmissionClient

        self.command, self.machines = command, machines
        self.client: Any = JobSubmissionClient(machines.job_server)
        self.id = ""
        self._looked, self._status = 0.0, ""

    def start(self) -> None:
        entrypoint = f"cd {shlex.quote(str(ROOT))} && {shlex.join(self.command.words)}"
        variables = {"env_vars": self.command.environment}
        self.id = self.client.submit_job(entrypoint=entrypoint, runtime_env=variables)
        self._looked = 0.0

    def ended(self) -> int | None:
        if time.monotonic() - self._looked > LOOK_SECONDS:
            self._status = str(self.client.get_job_status(self.id))
            self._looked = time.monotonic()
        return {"SUCCEEDED": 0, "FAILED": 1, "STOPPED": 1}.get(self._status)

    def kill(self) -> bool:
        found = self.machines.processes(str(self.command.config))
        for process in found:
            try:
                process.kill()
            except psutil.NoSuchProcess:
                continue
        deadline = time.monotonic() + START_SECONDS
        while found and self.ended() is None and time.monotonic() < deadline:
            time.sleep(0.1)
        return bool(found)

    def said(self) -> str:
        return str(self.client.get_job_logs(self.id))[-2000:]
