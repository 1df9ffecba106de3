"""One job from its start to its end, with kills at random points on the way."""

import random
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import psutil

from tests.faults.drivers import Driver
from tests.faults.machines import ACTORS, WORKERS, Machines
from tests.faults.servers import Server, away_for_a_while
from tests.faults.works import CHECKPOINT_EVERY, RECORD_EVERY, Work

PAUSE_SECONDS = (0.0, 4.0)  # between what a job has done since the last kill and the next one
PATIENCE_SECONDS = 400.0


@dataclass
class Kill:
    """One kill: of what, in which job, how far it was, and after how many seconds more was done."""

    work: str
    victim: str
    at: int
    seconds: float
    lost_steps: int | None = None


class LostError(Exception):
    """A job that does not go on, or ends in something else."""


@dataclass
class Stage:
    """Where a job runs, who started it, and which servers it stands on, by the names that the table has for them."""

    machines: Machines
    driver: Driver
    driver_name: str
    servers: Mapping[str, Server]
    chance: random.Random

    def run(self, work: Work, num_kills: int, kills: list[Kill]) -> None:
        """The job with up to so many kills, which are noted; raises LostError."""
        self.driver.start()
        before = 0
        for _ in range(num_kills):
            before = self._wait(work, before)
            time.sleep(self.chance.uniform(*PAUSE_SECONDS))
            if self.driver.ended() is not None:
                break
            of_ray = WORKERS if work.is_training else ACTORS
            orphans = self.machines.processes(of_ray)
            process = "worker" if work.is_training else "actor"
            victim = self.chance.choice([process, "node", self.driver_name, *self.servers])
            at, begin = work.came_forward(), time.monotonic()
            if not self._kill(victim, of_ray):
                continue
            if victim == self.driver_name:
                self._outlive(orphans)
                at = work.came_forward()
            before, lost = self._wait_after(work, at)
            kills.append(Kill(work.name, victim, at, round(time.monotonic() - begin, 1), lost))
            print(f"  {kills[-1]}", flush=True)
        self._until_end(work)
        wrong = work.wrong()
        if wrong:
            raise LostError(f"{work.name}: {wrong}\n{self.driver.said()}")

    def _kill(self, victim: str, of_ray: str) -> bool:
        if victim in self.servers:
            away_for_a_while(self.servers[victim])
        elif victim == "node":
            self.machines.kill_node(self.chance)
        elif victim == self.driver_name:
            if not self.driver.kill():
                return False
            self.driver.start()
        else:
            return self.machines.kill_process(of_ray, self.chance)
        return True

    def _outlive(self, orphans: list[psutil.Process]) -> None:
        """What a killed driver leaves works on until it notices; what it does then is not the new driver's."""
        _, alive = psutil.wait_procs(orphans, timeout=PATIENCE_SECONDS)
        if alive:
            raise LostError(f"of a killed driver {len(alive)} processes work on")

    def _wait(self, work: Work, before: int) -> int:
        """Until more is done than before, or the job is at its end."""
        return self._until(work, lambda now: now > before)

    def _wait_after(self, work: Work, at: int) -> tuple[int, int | None]:
        """Until the job goes on after a kill; of a training, how many steps back it goes on."""
        if not work.is_training:
            return self._wait(work, at), None
        first = self._until(work, lambda now: now != at)
        lost = max(0, at - (first - RECORD_EVERY))
        if lost > CHECKPOINT_EVERY:
            raise LostError(f"{work.name}: {lost} steps are done again, more than a checkpoint's {CHECKPOINT_EVERY}")
        return first, lost

    def _until(self, work: Work, reached: Callable[[int], bool]) -> int:
        deadline = time.monotonic() + PATIENCE_SECONDS
        while True:
            ended = self.driver.ended()  # asked before the look
            now = work.came_forward()
            if reached(now) or ended == 0:
                return now
            if ended is not None:
                raise LostError(f"{work.name}: exit code {ended}\n{self.driver.said()}")
            if time.monotonic() > deadline:
                raise LostError(f"{work.name}: nothing for {PATIENCE_SECONDS:.0f} s\n{self.driver.said()}")
            time.sleep(0.05)

    def _until_end(self, work: Work) -> None:
        deadline = time.monotonic() + PATIENCE_SECONDS
        while self.driver.ended() is None and time.monotonic() < deadline:
            time.sleep(0.2)
        if self.driver.ended() != 0:
            raise LostError(f"{work.name}: exit code {self.driver.ended()}\n{self.driver.said()}")
