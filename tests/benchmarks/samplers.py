"""What fewer sampling steps cost in counterfactual quality and save in time, on the demo's trained digits models."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from advgen_ray.config.samplers import HUNDRED_EVALUATIONS
from advgen_ray.counterfactuals.generate import generate, score_consistent
from advgen_ray.counterfactuals.metrics import l0, l2
from advgen_ray.counterfactuals.neighborhood import Neighborhood, boltzmann_exact, boltzmann_hardtanh
from advgen_ray.data.datasets import load
from advgen_ray.diffusion import ScoreFn
from advgen_ray.diffusion.network_speed import in_bfloat16
from advgen_ray.diffusion.samplers import Sampler, ancestral, euler_maruyama
from advgen_ray.diffusion.score_matching import score_from_noise_prediction
from advgen_ray.diffusion.vp_sde import VPSDE, linear_times, quadratic_times
from advgen_ray.errors import UserError
from advgen_ray.recipes.digits import digits_counterfactuals
from advgen_ray.rng import Stream
from advgen_ray.training.model_directory import LoadedModel, load_model
from tests.benchmarks.measure import interleaved, median_and_spread, seconds

DEMO = Path("runs/demo")
NUM_STEPS = (1000, 250, 100, 50, 25)
SAMPLERS: tuple[tuple[Sampler, Callable[[int], Tensor]], ...] = (
    (euler_maruyama, linear_times),
    (ancestral, quadratic_times),
)
REFERENCE = "the paper's 1000-step Euler-Maruyama"
NUM_BATCHES, SOURCES_PER_BATCH = 3, 4  # every batch holds its sources in all classes


def samplers() -> list[dict[str, Any]]:
    """Validity under the judge (``value``), distances and speed by sampler and number of steps; the exact score's cost.

    ``ratio`` is counterfactuals a second over those of the paper's sampler: each batch runs through all samplers in
    turn, the median over the batches counts. Sources are training scans that the judge may know: it took no part in
    the generation. Raises UserError where the demo has not run.
    """
    study = _Study()
    measured: dict[tuple[str, int], list[tuple[float, Tensor]]] = {}
    for batch in range(NUM_BATCHES):
        for sampler, grid in SAMPLERS:
            for num_steps in NUM_STEPS:
                kept = measured.setdefault((sampler.__name__, num_steps), [])
                kept.append(study.timed(batch, sampler, grid(num_steps)))
    reference = [elapsed for elapsed, _ in measured[euler_maruyama.__name__, 1000]]
    rows = []
    for (name, num_steps), runs in measured.items():
        ratio, spread = median_and_spread([base / mine for base, (mine, _) in zip(reference, runs, strict=True)])
        elapsed, _ = median_and_spread([mine for mine, _ in runs])
        rows.append(
            {
                "name": f"sampler_{name}_{num_steps}",
                "ratio": ratio,
                "spread": spread,
                "unit": "validity",
                "against": REFERENCE,
                "counterfactuals_per_second": SOURCES_PER_BATCH * study.num_classes / elapsed,
                **study.quality(torch.cat([x_ce for _, x_ce in runs])),
            }
        )
    return rows


def exact_score_vs_hardtanh() -> list[dict[str, Any]]:
    """Time of a 40-step run with the exact Boltzmann score over that of the hardtanh; ``value`` is its validity."""
    study, times = _Study(), quadratic_times(40)
    found: list[Tensor] = []

    def run(neighborhood: Neighborhood) -> Tensor:
        return study.generate(0, ancestral, times, neighborhood)

    exact, hardtanh = interleaved(
        lambda: found.append(run(boltzmann_exact)), lambda: run(boltzmann_hardtanh), repeats=9
    )
    ratio, spread = median_and_spread([mine / base for mine, base in zip(exact, hardtanh, strict=True)])
    return [
        {
            "name": "exact_score_vs_hardtanh",
            "ratio": ratio,
            "spread": spread,
            "unit": "validity",
            "against": "the same run with the hardtanh score",
            **study.quality(found[0], num_sources=SOURCES_PER_BATCH),
        }
    ]


def bf16_counterfactuals() -> list[dict[str, Any]]:
    """What bfloat16 changes by the same draws: ``ratio`` of mean L2 to float32's; ``value`` is validity."""
    study, times = _Study(), quadratic_times(HUNDRED_EVALUATIONS.num_steps)
    made = {
        name: torch.cat(
            [study.generate(batch, ancestral, times, boltzmann_hardtanh, score_fn) for batch in range(NUM_BATCHES)]
        )
        for name, score_fn in (("fp32", study.score_fn), ("bf16", in_bfloat16(study.score_fn)))
    }
    found = {name: study.quality(x_ce) for name, x_ce in made.items()}
    difference = (made["bf16"] - made["fp32"]).flatten(1).norm(dim=1)
    return [
        {
            "name": "bf16_counterfactuals",
            "ratio": found["bf16"]["l2"] / found["fp32"]["l2"],
            "spread": 0.0,
            "unit": "validity",
            "against": f"float32: validity {found['fp32']['value']:.4f}, L0 {found['fp32']['l0']:.4f}; a CE moves by "
            f"L2 {difference.median():.3f} (median), {difference.max():.3f} (most), of {found['fp32']['l2']:.2f}",
            **found["bf16"],
        }
    ]


class _Study:
    """The demo's score model and judge, and the sources: one batch of all classes each."""

    def __init__(self) -> None:
        score_model, self.judge = (_load(name) for name in ("score_model", "classifiers/judge"))
        self.num_classes = int(score_model.card["architecture"]["num_classes"])
        training = score_model.card["training"]
        self.sde = VPSDE(training["beta_min"], training["beta_max"])
        self.score_fn = score_from_noise_prediction(score_model.model, self.sde)
        self.recipe = digits_counterfactuals()
        images = load("digits", "", "train")
        indices = torch.arange(NUM_BATCHES * SOURCES_PER_BATCH)
        self.sources = images.tensor(indices.numpy()).repeat_interleave(self.num_classes, 0)
        self.labels = images.targets(indices.numpy()).repeat_interleave(self.num_classes, 0)
        self.targets = torch.arange(self.num_classes).repeat(len(indices))
        names = images.item_ids(indices.numpy())
        self.item_ids = [f"{name}/{y}/0" for name in names for y in range(self.num_classes)]

    def timed(self, batch: int, sampler: Sampler, times: Tensor) -> tuple[float, Tensor]:
        """Seconds and counterfactuals of one batch."""
        kept: list[Tensor] = []
        return seconds(lambda: kept.append(self.generate(batch, sampler, times, boltzmann_hardtanh))), kept[0]

    def generate(
        self,
        batch: int,
        sampler: Sampler,
        times: Tensor,
        neighborhood: Neighborhood,
        score_fn: ScoreFn | None = None,
    ) -> Tensor:
        """Counterfactuals ``[sources * classes, C, H, W]`` of one batch."""
        size = SOURCES_PER_BATCH * self.num_classes
        rows = slice(batch * size, (batch + 1) * size)
        return generate(
            score_fn or self.score_fn,
            self.sources[rows],
            self.targets[rows],
            self.item_ids[rows],
            stream=Stream(0, "counterfactual"),
            sde=self.sde,
            sampler=sampler,
            times=times,
            neighborhood=neighborhood,
            sigma_ce=self.recipe.neighborhood.sigma_ce,
            combine=score_consistent,
            guidance_scale=self.recipe.guidance_scale,
            null_label=self.num_classes,
        )

    @torch.no_grad()
    def quality(self, x_ce: Tensor, num_sources: int = NUM_BATCHES * SOURCES_PER_BATCH) -> dict[str, float]:
        """Validity and distances of the different-class counterfactuals of the first sources."""
        rows = slice(num_sources * self.num_classes)
        targets, sources = self.targets[rows], self.sources[rows]
        different = targets != self.labels[rows]
        valid = self.judge.model(x_ce).argmax(1) == targets
        return {
            "value": valid[different].float().mean().item(),
            "l2": l2(x_ce, sources)[different].mean().item(),
            "l2_same_class": l2(x_ce, sources)[~different].mean().item(),
            "l0": l0(x_ce, sources)[different].mean().item(),
            "num_counterfactuals": int(different.sum()),
        }


def _load(name: str) -> LoadedModel:
    directory = DEMO / name / "model"
    if not (directory / "model.json").exists():
        raise UserError(f"{directory}: no model there; run make demo first, the sampler benchmark reads its models")
    return load_model(directory)
