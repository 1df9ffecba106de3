"""What a long job takes of the machine its driver runs on, under the names of MLflow's tab for system metrics.

Not by MLflow's own monitor, whose thread has a client of its own and loses what a server does not take: these travel as
any other metric. What the workers' machines do is in Ray's metrics (dashboards/).
"""

import os
import shutil
import subprocess
import threading
import time
from collections.abc import Callable

import psutil

INTERVAL_SECONDS = 10.0  # MLflow's; what ends sooner has none
SHARE = 0.005  # of a run's time so far between two samples: a day makes some 800, not 8,640
MEGABYTES_PER_MIB = 1.048576
GPU_QUERY = ("index", "utilization.gpu", "memory.used", "memory.total", "power.draw")

Point = tuple[str, float, int]
"""Name, value, Unix time in milliseconds."""


def wanted() -> bool:
    """Unless ``MLFLOW_ENABLE_SYSTEM_METRICS_LOGGING``, MLflow's own switch, is false."""
    return os.environ.get("MLFLOW_ENABLE_SYSTEM_METRICS_LOGGING", "").lower() not in ("false", "0")


class SystemMetrics:
    """A thread that hands over a sample now and then, until it is stopped."""

    def __init__(self, hand_over: Callable[[list[Point]], None]) -> None:
        self._hand_over = hand_over
        self._stopped = threading.Event()
        self._lock = threading.Lock()
        threading.Thread(target=self._work, name="system metrics", daemon=True).start()

    def stop(self) -> None:
        """No sample is handed over from here on; returns at once."""
        with self._lock:
            self._stopped.set()

    def _work(self) -> None:
        begin = time.monotonic()
        psutil.cpu_percent()  # of each thread the first call has nothing to compare with
        while not self._stopped.wait(pause(time.monotonic() - begin)):
            now = int(time.time() * 1000)
            points = [(f"system/{name}", value, now) for name, value in (machine() | gpus()).items()]
            with self._lock:
                if not self._stopped.is_set():
                    self._hand_over(points)


def pause(seconds: float) -> float:
    """Seconds to the next sample of a run that has lasted so long."""
    return max(INTERVAL_SECONDS, SHARE * seconds)


def machine() -> dict[str, float]:
    """CPU use since the last call, and memory."""
    memory = psutil.virtual_memory()
    return {
        "cpu_utilization_percentage": psutil.cpu_percent(),
        "system_memory_usage_megabytes": memory.used / 1e6,
        "system_memory_usage_percentage": 100 * memory.used / memory.total,
    }


def gpus() -> dict[str, float]:
    """Use, memory and power of every NVIDIA GPU as its driver's own program tells it; empty without one.

    What a GPU does not tell (a part of one has no use of its own) is left out.
    """
    program = shutil.which("nvidia-smi")
    if program is None:
        return {}
    command = [program, f"--query-gpu={','.join(GPU_QUERY)}", "--format=csv,noheader,nounits"]
    try:
        table = subprocess.run(command, capture_output=True, text=True, timeout=10, check=True).stdout
    except (OSError, subprocess.SubprocessError):  # a driver that is being replaced, say
        return {}
    found: dict[str, float] = {}
    for row in table.splitlines():
        index, *texts = (text.strip() for text in row.split(","))
        use, used, total, power = map(_number, texts)
        told = {
            "utilization_percentage": use,
            "memory_usage_megabytes": used and used * MEGABYTES_PER_MIB,
            "memory_usage_percentage": 100 * used / total if used is not None and total else None,
            "power_usage_watts": power,
        }
        found |= {f"gpu_{index}_{name}": value for name, value in told.items() if value is not None}
    return found


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:  # [N/A]
        return None
