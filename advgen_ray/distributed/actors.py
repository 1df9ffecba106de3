"""The Ray Data actor of every map job: loads once, then turns shard numbers into stored shards."""

import time
import traceback
from collections.abc import Callable

import numpy as np
import pyarrow as pa
import torch

from advgen_ray.distributed.cluster import enter
from advgen_ray.errors import UserError
from advgen_ray.storage import ResultSet

Batch = dict[str, np.ndarray]
RowMaker = Callable[[int], pa.Table]
"""``shard index -> its rows``: follows from the plan alone, whoever calls it, how often and in which order."""


class ShardActor:
    """Holds a row maker (the model and the data it needs) and stores the shards whose numbers it is handed.

    Ray may hand out a shard twice, after a lost actor or a lost reply. A shard that is there is left alone, and two
    writers of one shard write the same bytes under the same name.
    """

    def __init__(
        self,
        result_set: ResultSet,
        load: Callable[[torch.device], RowMaker],
        cpus: int,
        device: str,
        directory: str | None = None,
    ) -> None:
        torch.set_num_threads(cpus)
        if directory:
            enter(directory)
        self.result_set, self.load, self.device = result_set, load, torch.device(device)
        self.rows: RowMaker | None = None

    def __call__(self, batch: Batch) -> Batch:
        """``shard [n]`` in; for each its ``num_rows`` (0 if it was there), ``seconds`` and what went wrong out.

        An error comes back as a value, ``mistake`` (a user's, one line) or ``defect`` (ours, a traceback): raised
        here it would reach the driver without its type, under pages of Ray's frames.
        """
        reports = [self._report(index) for index in batch["shard"].tolist()]
        return {name: np.array([report[name] for report in reports]) for name in reports[0]}

    def _report(self, index: int) -> dict[str, int | float | str]:
        begin = time.monotonic()
        num_rows, mistake, defect = 0, "", ""
        try:
            num_rows = self._store(index)
        except UserError as error:
            mistake = str(error)
        except Exception:
            defect = traceback.format_exc()
        seconds = time.monotonic() - begin
        return {"shard": index, "num_rows": num_rows, "seconds": seconds, "mistake": mistake, "defect": defect}

    def _store(self, index: int) -> int:
        if self.result_set.has(index):
            return 0
        if self.rows is None:  # loaded with the first shard, so that a failure to load is reported like any other
            self.rows = self.load(self.device)
        table = self.rows(index)
        self.result_set.write_shard(index, table)
        return int(table.num_rows)
