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
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from itertools import count
from pathlib import Path

from tests.faults import works
from tests.faults.drivers import ROOT, Command, OwnProcess, Submitted
from tests.faults.machines import Machines
from tests.faults.report import table
from tests.faults.servers import BUCKET, Server, s3_server, tracking_server
from tests.faults.stage import Kill, LostError, Stage
from tests.faults.works import Work
from tests.s3_server import SwiftServer
from tests.tracking.mlflow_server import MlflowServer

KILLS_OF_A_JOB = 6
WORKS = ("generation", "training", "scoring", "evaluation")


def main() -> int:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", default="", help=f"some of: {', '.join(WORKS)}")
    parser.add_argument("--output", default="runs/faults.json")
    arguments = parser.parse_args()
    print(f"seed {arguments.seed}, {arguments.kills} kills", flush=True)
    os.environ["RAY_AUTH_MODE"] = "disabled"  # of a cluster on loopback for as long as this runs
    names = tuple(arguments.only.split(",")) if arguments.only else WORKS
    kills: list[Kill] = []
    losses: list[str] = []
    Path(arguments.output).parent.mkdir(exist_ok=True)
    with started(Path(tempfile.mkdtemp(prefix="advgen-faults-"))) as world:
        for number in count():
            if len(kills) >= arguments.kills or losses:
                break
            try:
                world.run(names, number, arguments.seed, arguments.kills - len(kills), kills)
            except LostError as loss:
                losses.append(str(loss))
            content = {"seed": arguments.seed, "kills": [asdict(one) for one in kills], "losses": losses}
            Path(arguments.output).write_text(json.dumps(content, indent=1) + "\n")
    print(table([asdict(one) for one in kills]), *losses, sep="\n")
    return 1 if losses else 0


@dataclass(frozen=True)
class World:
    """What jobs run on, and the models that they read."""

    folder: Path
    machines: Machines
    tracking: MlflowServer
    storage: SwiftServer | None
    models: Path

    def run(self, names: Sequence[str], number: int, seed: int, num_kills: int, kills: list[Kill]) -> None:
        """One job after the other; every second round on S3, every second two rounds submitted to the head."""
        round_, which = divmod(number, len(names))
        on_s3, submitted = self.storage is not None and round_ % 2 == 1, round_ % 4 >= 2
        place = self.folder / f"{number:03d}"
        place.mkdir()
        output = f"s3://{BUCKET}/{number:03d}" if on_s3 else str(place / "output")
        work: Work = getattr(works, names[which])(self.models, output, place / "unbroken", seed + number)
        file = place / "job.yaml"
        file.write_text(work.config.to_yaml())
        command = Command(work.program, file, {"PYTHONPATH": str(ROOT), "MLFLOW_TRACKING_URI": self.tracking.uri})
        driver = (Submitted if submitted else OwnProcess)(command, self.machines)
        servers: dict[str, Server] = {"tracking server": self.tracking}
        if on_s3 and self.storage:
            servers["S3 server"] = self.storage
        print(f"{work.name}{', on S3' * on_s3}{', submitted' * submitted}, {len(kills)} kills so far", flush=True)
        name = "driver of the head" if submitted else "driver"
        stage = Stage(self.machines, driver, name, servers, random.Random(f"{seed}-{number}"))
        stage.run(work, min(KILLS_OF_A_JOB, num_kills), kills)
        shutil.rmtree(place)  # what lost something stays


@contextmanager
def started(folder: Path) -> Iterator[World]:
    """The servers first: nodes inherit where they are."""
    with ExitStack() as ends:
        tracking = tracking_server(folder)
        ends.callback(tracking.kill)
        storage = s3_server(folder / "s3")
        if storage:
            ends.callback(storage.kill)
        machines = Machines()
        ends.callback(machines.shutdown)
        yield World(folder, machines, tracking, storage, works.save_models(folder / "models"))


if __name__ == "__main__":
    sys.exit(main())
