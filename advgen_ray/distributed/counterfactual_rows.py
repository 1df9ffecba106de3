"""The rows of a set of counterfactuals: loads the score model and the sources, converts around ``generate``."""

from collections.abc import Callable, Sequence

import numpy as np
import pyarrow as pa
import torch
from torch import Tensor

from advgen_ray.config import GenerateConfig
from advgen_ray.counterfactuals.generate import generate, paper_literal, score_consistent
from advgen_ray.counterfactuals.metrics import l0, l1, l2, linf
from advgen_ray.counterfactuals.neighborhood import boltzmann_exact, boltzmann_hardtanh, bounded, gaussian
from advgen_ray.data import datasets
from advgen_ray.diffusion.samplers import ancestral, euler_maruyama
from advgen_ray.diffusion.solvers import dpm_solver_ode, dpm_solver_sde, heun
from advgen_ray.diffusion.vp_sde import VPSDE, linear_times, log_snr_times, quadratic_times
from advgen_ray.distributed.loading import load_unchanged_score
from advgen_ray.distributed.plans import CounterfactualPlan
from advgen_ray.rng import Stream
from advgen_ray.storage import ResultSet
from advgen_ray.storage.schemas import COUNTERFACTUALS, images_to_column

NEIGHBORHOODS = {
    "gaussian": gaussian,
    "boltzmann_hardtanh": boltzmann_hardtanh,
    "boltzmann_exact": boltzmann_exact,
    "bounded": bounded,
}
COMBINATIONS = {"score_consistent": score_consistent, "paper_literal": paper_literal}
SAMPLERS = {
    "euler_maruyama": (euler_maruyama, "linear"),
    "ancestral": (ancestral, "quadratic"),
    "dpm_solver_sde": (dpm_solver_sde, "log_snr"),
    "dpm_solver_ode": (dpm_solver_ode, "log_snr"),
    "heun": (heun, "log_snr"),
}
TIMES: dict[str, Callable[[int, VPSDE], Tensor]] = {
    "linear": lambda num_steps, _: linear_times(num_steps),
    "quadratic": lambda num_steps, _: quadratic_times(num_steps),
    "log_snr": log_snr_times,
}


class CounterfactualRows:
    """``shard index -> table``; the batches of a shard are fixed, so its bytes depend on nothing else."""

    def __init__(self, config: GenerateConfig, result_set: ResultSet, device: torch.device) -> None:
        self.config, self.device = config, device
        loaded = load_unchanged_score(config, result_set.plan["inputs"]["score_model"], device)
        self.model_digest, self.null_label = loaded.digest, loaded.null_label
        self.sde, self.score_fn = loaded.sde, loaded.score_fn
        self.data = datasets.load(config.data.name, config.data.root, config.split)
        self.plan = plan_of(config, self.null_label)
        self.stream = Stream(config.seed, "counterfactual")

    def __call__(self, index: int) -> pa.Table:
        """The rows of one shard, in batches of ``batch_size``."""
        source, target, replicate = self.plan.shard(index)
        starts = range(0, len(source), self.config.batch_size)
        batches = [slice(start, start + self.config.batch_size) for start in starts]
        return pa.concat_tables([self._batch(source[b], target[b], replicate[b]) for b in batches])

    def _batch(self, source: np.ndarray, target: np.ndarray, replicate: np.ndarray) -> pa.Table:
        images = self.data.tensor(source).to(self.device)
        source_ids = self.data.item_ids(source)
        item_ids = [f"{s}/{y}/{r}" for s, y, r in zip(source_ids, target, replicate, strict=True)]
        x_ce = self._generate(images, torch.from_numpy(target).to(self.device), item_ids)
        columns = {
            "item_id": item_ids,
            "source_id": source_ids,
            "source_index": source,
            "source_label": self.data.labels[source],
            "y_target": target,
            "replicate": replicate,
            "x_ce": images_to_column(x_ce.cpu().numpy()),
            **{metric.__name__: metric(x_ce, images).cpu().numpy() for metric in (l2, l1, linf, l0)},
            "seed": np.full(len(source), self.config.seed),
            "model_digest": [self.model_digest] * len(source),
            "config_digest": [self.config.digest()] * len(source),
        }
        return pa.table([pa.array(columns[f.name]).cast(f.type) for f in COUNTERFACTUALS], schema=COUNTERFACTUALS)

    def _generate(self, sources: Tensor, y_target: Tensor, item_ids: Sequence[str]) -> Tensor:
        config = self.config
        sampler, own_times = SAMPLERS[config.sampler.kind]
        times = TIMES[config.sampler.times or own_times](config.sampler.num_steps, self.sde)
        return generate(
            self.score_fn,
            sources,
            y_target,
            item_ids,
            stream=self.stream,
            sde=self.sde,
            sampler=sampler,
            times=times,
            neighborhood=NEIGHBORHOODS[config.neighborhood.kind],
            sigma_ce=config.neighborhood.sigma_ce,
            combine=COMBINATIONS[config.combination],
            guidance_scale=config.guidance_scale,
            null_label=self.null_label,
        )


def plan_of(config: GenerateConfig, num_classes: int) -> CounterfactualPlan:
    """Which rows the config asks for, under a model of ``num_classes`` classes."""
    return CounterfactualPlan(config.num_sources, num_classes, config.replicates, config.shard_images)
