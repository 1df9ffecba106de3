"""The Ray Data actor of every map job: loads once, then turns shard numbers into stored shards."""

import time
import traceback
from collections.abc import Callable, Sequence
from typing import NamedTuple
from uuid import uuid4

import numpy as np
import pyarrow as pa
import torch

from advgen_ray.distributed import metrics
from advgen_ray.distributed.cluster import enter
from advgen_ray.distributed.failures import RowsFailed, commonest
from advgen_ray.distributed.heap import keep_freed_memory
from advgen_ray.distributed.loading import given_gpu, own_device
from advgen_ray.errors import ELSEWHERE, AwayError, UserError
from advgen_ray.storage import ResultSet
from advgen_ray.storage.filesystem import exists, join
from advgen_ray.storage.result_set import PLAN

Batch = dict[str, np.ndarray]
RowMaker = Callable[[int], pa.Table]
"""``shard index -> its rows``: follows from the plan alone, whoever calls it, how often and in which order.

Raises RowsFailed where some of them cannot be made: the shard is left for the next run, the others go on.
"""

MAX_ATTEMPTS = 3  # a shard that took so many actors with it, out of memory say, will take the next one too
GIVEN_UP = f"{MAX_ATTEMPTS} actors died over it, out of memory say; lower batch_size or shard_images"


class Map(NamedTuple):
    """A result set, and what gives the function that makes its rows: called once in each actor, with its device."""

    result_set: ResultSet
    load: Callable[[torch.device], RowMaker]


class _GivenUp(Exception):  # noqa: N818 - a result of a shard, not an error of the program
    """The shard is left for the next run, the others go on."""


class ShardActor:
    """Holds row makers (models and the data they need) and stores the shards whose numbers it is handed.

    Ray may hand out a shard twice, after a lost actor or a lost reply. A shard that is there is left alone, and two
    writers of one shard write the same bytes under the same name. ``run`` names this run of the job: attempts at a
    shard are counted within it. ``work`` and ``output`` are what metrics call it.
    """

    def __init__(
        self,
        maps: Sequence[Map],
        cpus: int,
        run: str,
        directory: str | None = None,
        work: str = "",
        output: str = "",
    ) -> None:
        torch.set_num_threads(cpus)
        keep_freed_memory()
        if directory:
            enter(directory)
        self.maps, self.device, self.run = list(maps), own_device(), run
        self.id = uuid4().hex
        self.rows: dict[int, RowMaker] = {}  # of the map at hand
        self.attempt = 0
        metrics.label(work, output)
        metrics.show("actors", 1)

    def __call__(self, batch: Batch) -> Batch:
        """``map [n]`` and ``shard [n]`` in; out come for each ``num_rows`` and ``attempt``, both 0 if it was there.

        So do the seconds it took, the ``actor``, and whether a GPU was given that torch cannot use. Rows that cannot be
        made are written down beside the set; ``num_failed`` of them, mostly for ``reason``, come back, or that all of
        them are ``given_up``. An error comes back as a value, ``mistake`` (a user's, one line; ``away`` storage's) or
        ``defect`` (ours, a traceback): raised here it would reach the driver without its type, under Ray's frames.
        """
        handed = zip(batch["map"].tolist(), batch["shard"].tolist(), strict=True)
        reports = [self._report(which, index) for which, index in handed]
        return {name: np.array([report[name] for report in reports]) for name in reports[0]}

    def _report(self, which: int, index: int) -> dict[str, int | float | str | bool]:
        num_rows, num_failed, reason, mistake, defect = 0, 0, "", "", ""
        given_up, away, self.attempt = False, False, 0
        begin = time.monotonic()
        try:
            num_rows = self._store(which, index)
        except _GivenUp:
            given_up, reason = True, GIVEN_UP
        except RowsFailed as failed:
            num_failed, reason = len(failed.reasons), commonest(failed.reasons)
        except UserError as error:
            mistake, away = str(error), isinstance(error, AwayError)
        except Exception:
            defect = traceback.format_exc()
        return {
            "map": which, "shard": index, "num_rows": num_rows, "num_failed": num_failed, "reason": reason,
            "given_up": given_up, "mistake": mistake, "away": away, "defect": defect, "attempt": self.attempt,
            "actor": self.id, "seconds": time.monotonic() - begin,
            "fallback": given_gpu() and self.device.type == "cpu",
        }  # fmt: skip

    def _store(self, which: int, index: int) -> int:
        result_set = self.maps[which].result_set
        if result_set.has(index):
            return 0
        if which not in self.rows and not exists(join(result_set.uri, PLAN)):
            raise UserError(f"output {result_set.uri}: {ELSEWHERE}")
        self.attempt = result_set.begin_attempt(index, self.run)
        if self.attempt > MAX_ATTEMPTS:
            result_set.write_failures(index, {"every row": GIVEN_UP})
            raise _GivenUp
        if which not in self.rows:  # loaded with the first shard, so that a failure to load is reported like any other
            self.rows.clear()  # maps come one after the other, and the models of all may be more than there is room for
            self.rows[which] = self.maps[which].load(self.device)
        try:
            table = self.rows[which](index)
        except RowsFailed as failed:
            result_set.write_failures(index, failed.reasons)
            raise
        result_set.write_shard(index, table)
        return int(table.num_rows)
