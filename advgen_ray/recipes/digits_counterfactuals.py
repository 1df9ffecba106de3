"""Counterfactuals of digits beside the study's: by classifiers, of counterfactuals, by the paper's sampler."""

from advgen_ray.config import (
    AscentConfig,
    DataConfig,
    DVCEConfig,
    GenerateByClassifierConfig,
    GenerateConfig,
    PoolConfig,
    SearchCounterfactualsConfig,
)
from advgen_ray.recipes.ablations import ce_ablation
from advgen_ray.recipes.digits import digits_counterfactuals

DATA = DataConfig(name="digits")
DEMO = "runs/demo"


def digits_counterfactuals_paper_sampler() -> GenerateConfig:
    """The study's counterfactuals by the paper's 1000 Euler-Maruyama steps: 2,000 evaluations each, five minutes."""
    return digits_counterfactuals().override(
        [
            "sampler.kind=euler_maruyama",
            "sampler.num_steps=1000",
            f"score_model={DEMO}/score_model/model",
            "output=runs/digits/counterfactuals-paper-sampler",
        ]
    )


def digits_robust_counterfactuals() -> GenerateByClassifierConfig:
    """S000 figures 2, 10 and 11 on digits: 100 scans pushed by the demo's model of eps 1.5 until it is 90% sure."""
    return GenerateByClassifierConfig(
        data=DATA,
        num_sources=100,
        classifier=f"{DEMO}/classifiers/eps-1.5/model",
        method=AscentConfig(),
        shard_images=500,
        output="runs/digits/counterfactuals-eps-1.5",
        pool=PoolConfig(min_actors=2, max_actors=2),
    )


def digits_dvce() -> GenerateByClassifierConfig:
    """DVCE of the demo's standard model, its gradients in the cone of 30 degrees around those of eps 1.5."""
    return GenerateByClassifierConfig(
        data=DATA,
        num_sources=100,
        replicates=2,
        classifier=f"{DEMO}/classifiers/eps-0.0/model",
        method=DVCEConfig(score_model=f"{DEMO}/score_model/model", cone_classifier=f"{DEMO}/classifiers/eps-1.5/model"),
        batch_size=100,
        shard_images=500,
        output="runs/digits/counterfactuals-dvce",
        pool=PoolConfig(min_actors=2, max_actors=2),
    )


def digits_counterfactuals_of_robust() -> GenerateConfig:
    """S000 figure 5 on digits: counterfactuals of the 1,000 that digits_robust_counterfactuals made."""
    return digits_counterfactuals().override(
        [
            "sources=runs/digits/counterfactuals-eps-1.5",
            "num_sources=1000",
            "replicates=1",
            f"score_model={DEMO}/score_model/model",
            "output=runs/digits/counterfactuals-of-eps-1.5",
        ]
    )


def digits_ce_ablation() -> SearchCounterfactualsConfig:
    """S002's ablation on the demo's models: neighborhoods by sigma_CE and w, and by steps; 675 CEs of each setting.

    Gaussian CEs are nearer at the same sigma_CE; at 95% validity Boltzmann ones are nearer and sparser, as S000 has it.
    """
    generation = digits_counterfactuals().override(
        [f"score_model={DEMO}/score_model/model", "num_sources=75", "replicates=1", "shard_images=250"]
    )
    return ce_ablation(
        generation,
        sigma_ce=(0.1, 0.15, 0.2, 0.3),
        guidance_scale=(1.0, 4.0, 15.0),
        num_steps=(10, 20, 40, 80),
        judge=f"{DEMO}/classifiers/judge/model",
        output="runs/digits/ce-ablation",
    )
