"""Kill real jobs a number of times at random points, run their commands again, and compare what they leave.

``python -m tests.faults.run --kills 100 --seed 0``: a line a kill, a table, and ``runs/faults.json``. Exit code 1 where
anything was lost, doubled or different.
"""

import argparse
import json
import os
import random
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from itertools import cycle
from pathlib import Path

import psutil

from tests.faults import works
from tests.faults.report import table
from tests.faults.victims import ACTORS, WORKERS, Driver, Machines, away_for_a_while
from tests.faults.works import CHECKPOINT_EVERY, RECORD_EVERY, Work
from tests.tracking.mlflow_server import MlflowServer

KILLS_OF_A_JOB = 5
PAUSE_SECONDS = (0.0, 6.0)  # between what a job has done since the last kill and the next one
PATIENCE_SECONDS = 400.0
OF_MAPS = ("actor", "node", "driver")
OF_TRAININGS = ("worker", "node", "driver")


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
    """Where it all happens."""

    machines: Machines
    folder: Path
    chance: random.Random
    tracking: MlflowServer

    def run(self, work: Work, num_kills: int, kills: list[Kill]) -> None:
        """One job from its start to its end with up to so many kills, which are noted; raises LostError."""
        driver = Driver(work.program, work.config, self.machines.address, self.folder / "job", self.tracking.uri)
        before = 0
        for _ in range(num_kills):
            before = self._wait(driver, work, before)
            time.sleep(self.chance.uniform(*PAUSE_SECONDS))
            if driver.process.poll() is not None:
                break
            orphans = self.machines.processes(WORKERS if work.is_training else ACTORS)
            victim = self.chance.choice([*(OF_TRAININGS if work.is_training else OF_MAPS), "tracking server"])
            at, begin = work.came_forward(), time.monotonic()
            if not self._kill(victim, driver):
                continue
            if victim == "driver" and work.is_training:
                self._outlive(orphans)
                at = work.came_forward()
            before, lost = self._wait_after(driver, work, at)
            kills.append(Kill(work.name, victim, at, round(time.monotonic() - begin, 1), lost))
            print(f"  {kills[-1]}", flush=True)
        if driver.process.wait(PATIENCE_SECONDS) != 0:
            raise LostError(f"{work.name}: exit code {driver.process.returncode}\n{driver.end()}")
        wrong = work.wrong()
        if wrong:
            raise LostError(f"{work.name}: {wrong}\n{driver.end()}")

    def _kill(self, victim: str, driver: Driver) -> bool:
        if victim == "tracking server":
            away_for_a_while(self.tracking)
        elif victim == "node":
            self.machines.kill_node(self.chance)
        elif victim == "driver":
            driver.kill()
            driver.start()
        else:
            return self.machines.kill_process({"actor": ACTORS, "worker": WORKERS}[victim], self.chance)
        return True

    def _outlive(self, orphans: list[psutil.Process]) -> None:
        """What a killed driver leaves works on until it notices; what it does then is not the new driver's."""
        _, alive = psutil.wait_procs(orphans, timeout=PATIENCE_SECONDS)
        if alive:
            raise LostError(f"of a killed driver {len(alive)} processes work on")

    def _wait(self, driver: Driver, work: Work, before: int) -> int:
        """Until more is done than before, or the job is at its end."""
        return self._until(driver, work, lambda now: now > before)

    def _wait_after(self, driver: Driver, work: Work, at: int) -> tuple[int, int | None]:
        """Until the job goes on after a kill; of a training, how many steps back it goes on."""
        if not work.is_training:
            return self._wait(driver, work, at), None
        first = self._until(driver, work, lambda now: now != at)
        lost = max(0, at - (first - RECORD_EVERY))
        if lost > CHECKPOINT_EVERY:
            raise LostError(f"{work.name}: {lost} steps are done again, more than a checkpoint's {CHECKPOINT_EVERY}")
        return first, lost

    def _until(self, driver: Driver, work: Work, reached: Callable[[int], bool]) -> int:
        deadline = time.monotonic() + PATIENCE_SECONDS
        while True:
            ended = driver.process.poll()  # asked before the look
            now = work.came_forward()
            if reached(now) or ended == 0:
                return now
            if ended is not None:
                raise LostError(f"{work.name}: exit code {ended}\n{driver.end()}")
            if time.monotonic() > deadline:
                raise LostError(f"{work.name}: nothing for {PATIENCE_SECONDS:.0f} s\n{driver.end()}")
            time.sleep(0.05)


def main() -> int:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", default="", help="names of works, by commas")
    parser.add_argument("--output", default="runs/faults.json")
    arguments = parser.parse_args()
    os.environ["RAY_AUTH_MODE"] = "disabled"  # of a cluster on loopback for as long as this runs
    print(f"seed {arguments.seed}, {arguments.kills} kills", flush=True)
    folder = Path(tempfile.mkdtemp(prefix="advgen-faults-"))
    machines, tracking = Machines(), MlflowServer(folder)
    tracking.start()
    kills: list[Kill] = []
    losses: list[str] = []
    try:
        for number, (name, stage) in enumerate(_stages(machines, tracking, folder, arguments.seed, arguments.only)):
            if len(kills) >= arguments.kills or losses:
                break
            models = works.save_models(folder / "models") if number == 0 else folder / "models"
            make = getattr(works, name)
            work = make(models, str(stage.folder / "output"), stage.folder / "unbroken", arguments.seed + number)
            print(f"{name}, {len(kills)} kills so far", flush=True)
            try:
                stage.run(work, min(KILLS_OF_A_JOB, arguments.kills - len(kills)), kills)
            except LostError as loss:
                losses.append(str(loss))
            shutil.rmtree(stage.folder, ignore_errors=bool(losses))
    finally:
        tracking.kill()
        machines.shutdown()
    Path(arguments.output).parent.mkdir(exist_ok=True)
    content = {"seed": arguments.seed, "kills": [asdict(one) for one in kills], "losses": losses}
    Path(arguments.output).write_text(json.dumps(content, indent=1) + "\n")
    print(table([asdict(one) for one in kills]), *losses, sep="\n")
    return 1 if losses else 0


def _stages(
    machines: Machines, tracking: MlflowServer, folder: Path, seed: int, only: str
) -> Iterator[tuple[str, Stage]]:
    names = only.split(",") if only else ["generation", "training", "scoring", "evaluation"]
    for number, name in enumerate(cycle(names)):
        place = folder / f"{number:03d}-{name}"
        yield name, Stage(machines, place, random.Random(f"{seed}-{number}"), tracking)


if __name__ == "__main__":
    sys.exit(main())
