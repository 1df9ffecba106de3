"""Debian's Prometheus, unpacked into the user's cache and run on loopback; no service of the system is touched."""

import fcntl
import json
import shutil
import signal
import subprocess
import time
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path
from typing import Any

START_SECONDS = 60


PROMETHEUS_HOME = Path.home() / ".cache/advgen_ray/prometheus"


def installed(cache: Path = PROMETHEUS_HOME) -> Path | None:
    """The folder of ``prometheus`` and ``promtool``: those on the PATH, else Debian's; None where there are none."""
    if shutil.which("prometheus") and (promtool := shutil.which("promtool")):
        return Path(promtool).parent
    cache.mkdir(parents=True, exist_ok=True)
    programs = cache / "unpacked" / "usr" / "bin"
    with (cache / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # tests run in several processes
        if not (cache / ".installed").exists():
            try:
                subprocess.run(["apt-get", "download", "prometheus"], cwd=cache, check=True, capture_output=True)
                (package,) = cache.glob("prometheus_*.deb")
                subprocess.run(["dpkg", "-x", package, cache / "unpacked"], check=True, capture_output=True)
                subprocess.run([programs / "promtool", "--version"], check=True, capture_output=True)
            except (OSError, subprocess.CalledProcessError, ValueError):
                return None
            package.unlink()
            (cache / ".installed").touch()
    return programs


class Prometheus:
    """A server that keeps its samples under ``data``."""

    def __init__(self, programs: Path, config: Path, data: Path, port: int) -> None:
        self.url = f"http://127.0.0.1:{port}"
        self.log = data.with_suffix(".log")
        command = [
            programs / "prometheus", f"--config.file={config}", f"--storage.tsdb.path={data}",
            f"--web.listen-address=127.0.0.1:{port}",
        ]  # fmt: skip
        with self.log.open("w") as log:
            self.process = subprocess.Popen(command, stdout=log, stderr=log)

    def wait(self) -> None:
        """Until it answers."""
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline and self.process.poll() is None:
            try:
                urllib.request.urlopen(f"{self.url}/-/ready", timeout=5).close()
                return
            except OSError:
                time.sleep(0.1)
        raise AssertionError(f"no Prometheus:\n{self.log.read_text()[-2000:]}")

    def stop(self) -> None:
        """End it."""
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(timeout=30)

    def ask(self, path: str, **parameters: str | float) -> Any:
        """The data of an answer of its API; AssertionError with its words where it refuses."""
        query = urllib.parse.urlencode(parameters)
        try:
            with urllib.request.urlopen(f"{self.url}/api/v1/{path}?{query}", timeout=30) as response:
                return json.load(response)["data"]
        except urllib.error.HTTPError as error:
            raise AssertionError(f"{parameters}: {error.read().decode()}") from None

    def series(self, expr: str, begin: float) -> list[tuple[dict[str, str], list[float]]]:
        """What a query gave every two seconds since ``begin``: labels and finite values of each series that has any."""
        answer = self.ask("query_range", query=expr, start=begin, end=time.time(), step=2)
        found = [(one["metric"], [float(value) for _, value in one["values"]]) for one in answer["result"]]
        finite = [(labels, [v for v in values if abs(v) < float("inf")]) for labels, values in found]
        return [(labels, values) for labels, values in finite if values]
