"""Why Ray Train gave a group up: a mistake of a user's, parts of the cluster that were lost, or a defect."""

import re

import torch.distributed as dist

from advgen_ray.config import WorkersConfig
from advgen_ray.errors import IncompleteError, UserError

LOST = re.compile(r"gloo|NCCL|connection (closed|reset)", re.IGNORECASE)  # what torch says of a peer that is gone
AGAIN = "the same command goes on from the last checkpoint"


def given_up(error: BaseException, workers: WorkersConfig) -> UserError | IncompleteError | None:
    """What to say of a mistake, or where parts of the cluster were lost; None for any other error, a defect."""
    from ray.train.v2.api.exceptions import ControllerError, WorkerGroupError

    if isinstance(error, WorkerGroupError):
        return _of_workers(error.worker_failures, workers)
    cause = error.controller_failure if isinstance(error, ControllerError) else error
    if not _lost_a_process(cause):
        return None
    return IncompleteError(
        "training: the process that leads the workers, or one that it needs, was lost, out of memory say or with its "
        f"node; {AGAIN}"
    )


def _lost_a_process(error: BaseException) -> bool:
    """Ray's memory monitor ends Ray Train's own actors, too, and those are not tried again."""
    from ray.exceptions import NodeDiedError, OutOfMemoryError, OwnerDiedError, RayActorError, WorkerCrashedError

    return isinstance(error, (NodeDiedError, OutOfMemoryError, OwnerDiedError, RayActorError, WorkerCrashedError))


def _of_workers(failures: dict[int, Exception], workers: WorkersConfig) -> UserError | IncompleteError | None:
    """By what each failed of."""
    from ray.train.v2._internal.exceptions import WorkerHealthCheckFailedError, WorkerHealthCheckTimeoutError

    mistakes = [why for why in failures.values() if isinstance(why, UserError)]
    if mistakes:  # others failed with the one that found it
        return mistakes[0]
    deaths = (WorkerHealthCheckFailedError, WorkerHealthCheckTimeoutError)
    died = [rank for rank, why in failures.items() if isinstance(why, deaths)]
    if not died and not any(_lost_another(why) for why in failures.values()):
        return None
    who = f"worker {min(died)}" if died else "a worker"
    return IncompleteError(
        f"training: {who} of a group died, out of memory say or with its node, and workers.max_failures="
        f"{workers.max_failures} such ends were forgiven; {AGAIN}, and with --set workers.max_failures=-1 as often as "
        "it takes"
    )


def _lost_another(error: BaseException) -> bool:
    """Whether a worker failed as one that it trains with went: Ray may hear of that before it misses the other."""
    return isinstance(error, dist.DistError) or (isinstance(error, RuntimeError) and bool(LOST.search(str(error))))
