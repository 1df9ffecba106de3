"""How long the stages of a long job take, however often it is started again."""

import json
import time
from collections.abc import Callable

from advgen_ray.storage.filesystem import exists, join, read_bytes, write_atomic


class StageClock:
    """Announces each stage and adds up its seconds, over every life of a job that was killed and continued."""

    def __init__(self, output: str, num_stages: int) -> None:
        self.file, self.num_stages, self.started = join(output, "elapsed_seconds.json"), num_stages, 0
        self.seconds: dict[str, float] = json.loads(read_bytes(self.file)) if exists(self.file) else {}

    def run(self, name: str, stage: Callable[[], object]) -> None:
        """Run one stage; its time counts even if it fails or is interrupted."""
        self.started += 1
        print(f"\n[{self.started}/{self.num_stages}] {name}", flush=True)
        begin = time.monotonic()
        try:
            stage()
        finally:
            self.seconds[name] = round(self.seconds.get(name, 0.0) + time.monotonic() - begin, 1)
            write_atomic(self.file, json.dumps(self.seconds).encode())
