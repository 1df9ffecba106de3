"""One trial of a search over counterfactuals: its set made in this process, read by the judge, and measured."""

import time
from collections.abc import Mapping
from typing import Any

import torch
from torch import nn

from advgen_ray.analysis.ce_ablation import measures
from advgen_ray.config import GenerateConfig
from advgen_ray.config.counterfactual_search import SearchCounterfactualsConfig
from advgen_ray.diffusion.vp_sde import VPSDE
from advgen_ray.distributed import metrics
from advgen_ray.distributed.ce_generators import evaluations_of
from advgen_ray.distributed.counterfactual_rows import CounterfactualRows
from advgen_ray.distributed.loading import own_device
from advgen_ray.distributed.schedules import PROGRESS
from advgen_ray.distributed.tune import Report
from advgen_ray.stages.counterfactuals import prepare
from advgen_ray.stages.judged import judged_rows, load_judge
from advgen_ray.storage import ResultSet
from advgen_ray.storage.filesystem import join

REPORT_SECONDS = 30.0  # between two reports of a trial that goes on


def trial_config(config: SearchCounterfactualsConfig, settings: Mapping[str, Any]) -> GenerateConfig:
    """The generation of a trial; equal settings give the same one in the same place, in this search or a restart."""
    generation = config.generation.override([f"{key}={value}" for key, value in settings.items()])
    return generation.override([f"output={join(config.output, 'trials', generation.digest())}"])


def run_trial(
    config: SearchCounterfactualsConfig, judge_digest: str, settings: Mapping[str, Any], trial_id: str, report: Report
) -> None:
    """Make what is missing of the trial's set, one shard after the other, and report what it is worth.

    Raises UserError where a model is another one than when the search began.
    """
    torch.set_num_threads(config.trial.cpus_per_trial)
    generation, device = trial_config(config, settings), own_device()
    result_set = prepare(generation)
    judge = load_judge(config.judge, judge_digest, generation.data, device)
    if not result_set.finished():
        _complete(result_set, generation, device, judge, report)
    rows = judged_rows(result_set, judge, generation.images_at_once, device)
    manifest = result_set.manifest
    report(
        {
            PROGRESS: 1.0,
            **measures(rows),
            "network_evaluations": evaluations_of(generation, VPSDE()),
            "seconds_per_ce": manifest["seconds"] / manifest["num_rows"],
        }
    )


def _complete(
    result_set: ResultSet, generation: GenerateConfig, device: torch.device, judge: nn.Module, report: Report
) -> None:
    """A pool of actors would start and end with every trial; trials are what goes on side by side here."""
    metrics.label("trial", generation.output)
    missing, begin = result_set.missing(), time.monotonic()
    rows = CounterfactualRows(generation, result_set, device, judge) if missing else None
    told = begin
    for done, index in enumerate(missing):
        if time.monotonic() - told > REPORT_SECONDS:
            told = time.monotonic()
            report({PROGRESS: 1 - (len(missing) - done) / result_set.num_shards})
        assert rows is not None
        result_set.write_shard(index, rows(index))
    # Of a set that was begun by a run that is gone, the time that all of it would have taken here.
    share = len(missing) / result_set.num_shards
    result_set.commit((time.monotonic() - begin) / share if share else 0.0)
