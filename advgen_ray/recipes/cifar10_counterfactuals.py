"""Counterfactuals of CIFAR-10 beside the study's."""

from advgen_ray.config import SearchCounterfactualsConfig, TrialResourcesConfig
from advgen_ray.recipes.ablations import ce_ablation
from advgen_ray.recipes.cifar10 import cifar10_counterfactuals

STUDY = "runs/cifar10"


def cifar10_ce_ablation() -> SearchCounterfactualsConfig:
    """S002's ablation around S000's w 15 and sigma_CE .2, 1000 steps, 1,800 CEs of each; Boltzmann nearer and sparser.

    S000 figure 2 is the published result. A trial is 2,000 CEs of 2,000 evaluations on a GPU of its own.
    """
    generation = cifar10_counterfactuals().override(
        [f"score_model={STUDY}/score_model/model", "num_sources=200", "replicates=1", "shard_images=500"]
    )
    return ce_ablation(
        generation,
        sigma_ce=(0.1, 0.2, 0.3, 0.4),
        guidance_scale=(2.0, 5.0, 15.0),
        num_steps=(100, 250, 1000),
        judge=f"{STUDY}/classifiers/judge/model",
        max_concurrent_trials=8,
        trial=TrialResourcesConfig(cpus_per_trial=4),
        output="runs/cifar10-ce-ablation",
    )
