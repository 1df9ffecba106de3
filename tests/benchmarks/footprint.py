"""The memory of a job seen from outside: its driver, its actors, and what its object store has ever taken."""

import os
from pathlib import Path

import psutil


class Footprint:
    """Peaks in bytes over all samples; processes come and go, so one that ended between two looks is passed over."""

    def __init__(self, pid: int, shards: Path) -> None:
        self.driver, self.shards = psutil.Process(pid), shards
        self.driver_rss = self.driver_pss = self.actor_rss = self.actor_pss = self.object_store = 0
        self.driver_rss_at_first_shard = 0
        self.seconds = 0.0

    @property
    def driver_growth(self) -> int:
        """How much the driver grew after the first shard was stored: what its memory owes to the number of rows."""
        return self.driver_rss - self.driver_rss_at_first_shard

    def sample(self) -> None:
        """Look once."""
        try:
            rss, pss = _memory(self.driver.pid)
            self.driver_rss, self.driver_pss = max(self.driver_rss, rss), max(self.driver_pss, pss)
            if not self.driver_rss_at_first_shard and self.shards.is_dir() and any(self.shards.glob("[!.]*")):
                self.driver_rss_at_first_shard = self.driver_rss
            family = self.driver.children(recursive=True)
        except (psutil.NoSuchProcess, OSError):
            return
        for process in family:
            try:
                if "ShardActor" in " ".join(process.cmdline()):
                    rss, pss = _memory(process.pid)
                    self.actor_rss, self.actor_pss = max(self.actor_rss, rss), max(self.actor_pss, pss)
                elif process.name() == "raylet":
                    self.object_store = max(self.object_store, _object_store(process.pid))
            except (psutil.NoSuchProcess, OSError):
                continue


def _memory(pid: int) -> tuple[int, int]:
    """Resident bytes of a process, and its share of them where pages are shared with others."""
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()[1:]
    sizes = {line.split(":")[0]: int(line.split()[1]) * 1024 for line in lines}
    return sizes["Rss"], sizes["Pss"]


def _object_store(raylet: int) -> int:
    """Bytes of the store's shared memory that were ever written to: the file is unlinked, but the raylet holds it."""
    held = {
        (status.st_dev, status.st_ino): status.st_blocks * 512
        for entry in os.scandir(f"/proc/{raylet}/fd")
        if "plasma" in os.readlink(entry.path)
        for status in [os.stat(entry.path)]
    }
    return sum(held.values())
