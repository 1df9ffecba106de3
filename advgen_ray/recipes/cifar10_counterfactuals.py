"""Counterfactuals of CIFAR-10 at paper scale: S000's set, its robust classifiers' own, and what follows from them."""

from advgen_ray.config import (
    AscentConfig,
    DataConfig,
    DVCEConfig,
    GenerateByClassifierConfig,
    GenerateConfig,
    NeighborhoodConfig,
    PoolConfig,
    SearchConfig,
)
from advgen_ray.config.distance_classifier import ClassifyByDistanceConfig
from advgen_ray.config.gradient_alignment import AlignGradientsConfig
from advgen_ray.config.samplers import HUNDRED_EVALUATIONS, PAPER
from advgen_ray.recipes.ablations import ce_ablation, guidance_search

DATA = DataConfig(name="cifar10")
STUDY = "runs/cifar10"
POOL = PoolConfig(min_actors=1, max_actors=8, cpus_per_actor=4)
ONE = PoolConfig(min_actors=1, max_actors=1, cpus_per_actor=4)  # trials of a search are what goes on side by side


def cifar10_counterfactuals() -> GenerateConfig:
    """S000's set of 200,000 by 100 evaluations each: w 15, sigma_CE 0.2, Boltzmann, 10,000 sources.

    That the sampler gives what the paper's does was measured on digits; cifar10_counterfactuals_paper_sampler is it.
    """
    return GenerateConfig(
        data=DATA,
        num_sources=10_000,
        neighborhood=NeighborhoodConfig(kind="boltzmann_hardtanh", sigma_ce=0.2),
        guidance_scale=15.0,
        sampler=HUNDRED_EVALUATIONS,
        batch_size=512,
        shard_images=1000,
        pool=POOL,
    )


def cifar10_counterfactuals_paper_sampler() -> GenerateConfig:
    """S000's set of 200,000 as printed: w 15, sigma_CE 0.2, Boltzmann, 1000 Euler-Maruyama steps, 10,000 sources."""
    return cifar10_counterfactuals().model_copy(update={"sampler": PAPER})


def cifar10_counterfactuals_bf16() -> GenerateConfig:
    """cifar10_counterfactuals for GPUs: network in bfloat16 and compiled, as many at once as the GPU's memory holds."""
    return cifar10_counterfactuals().model_copy(update={"precision": "bf16", "compiled": True, "batch_size": None})


def cifar10_robust_counterfactuals() -> GenerateByClassifierConfig:
    """S000 figures 2, 10 and 11: 1,000 images pushed by the classifier of eps 1 until it is 90% sure, steps of .05."""
    return GenerateByClassifierConfig(
        data=DATA,
        num_sources=1000,
        classifier=f"{STUDY}/classifiers/eps-1.0/model",
        method=AscentConfig(),
        batch_size=512,
        output=f"{STUDY}/counterfactuals-eps-1.0",
        pool=POOL,
    )


def cifar10_counterfactuals_of_robust() -> GenerateConfig:
    """S000 figure 5: counterfactuals of the 10,000 that cifar10_robust_counterfactuals made; they lie farther."""
    changes = {
        "sources": f"{STUDY}/counterfactuals-eps-1.0",
        "replicates": 1,
        "score_model": f"{STUDY}/score_model/model",
        "output": f"{STUDY}/counterfactuals-of-eps-1.0",
    }
    return cifar10_counterfactuals().model_copy(update=changes)


def cifar10_dvce() -> GenerateByClassifierConfig:
    """DVCE (Augustin et al. 2022) of the standard classifier, in the cone of 30 degrees around that of eps 2."""
    return GenerateByClassifierConfig(
        data=DATA,
        num_sources=1000,
        replicates=2,
        classifier=f"{STUDY}/classifiers/eps-0.0/model",
        method=DVCEConfig(
            score_model=f"{STUDY}/score_model/model", cone_classifier=f"{STUDY}/classifiers/eps-2.0/model"
        ),
        batch_size=128,
        output=f"{STUDY}/counterfactuals-dvce",
        pool=POOL,
    )


def cifar10_distance_classifier() -> ClassifyByDistanceConfig:
    """S000 section 4: about 85% of 1,000 test images by two counterfactuals of each class; up to 8 here."""
    changes = {
        "split": "test",
        "num_sources": 1000,
        "replicates": 8,
        "score_model": f"{STUDY}/score_model/model",
    }
    return ClassifyByDistanceConfig(
        generation=cifar10_counterfactuals().model_copy(update=changes),
        samplers=(PAPER, HUNDRED_EVALUATIONS),
        output=f"{STUDY}/distance-classifier",
    )


def cifar10_gradient_alignment() -> AlignGradientsConfig:
    """S002's second question: do robust classifiers' gradients point to CEs, and most to near ones? No figure there."""
    return AlignGradientsConfig(
        data=DATA,
        counterfactuals=f"{STUDY}/counterfactuals/main",
        classifiers=tuple(f"{STUDY}/classifiers/eps-{eps}/model" for eps in (0.0, 0.1, 0.5, 1.0, 1.5, 2.0)),
        output=f"{STUDY}/gradient-alignment",
        pool=POOL,
    )


def cifar10_ce_ablation() -> SearchConfig:
    """S002's ablation around S000's w 15 and sigma_CE .2, 1000 steps, 1,800 CEs of each; Boltzmann nearer and sparser.

    S000 figure 2 is the published result. A trial is 2,000 CEs of 2,000 evaluations on a GPU of its own.
    """
    generation = (
        cifar10_counterfactuals_paper_sampler()
        .override([f"score_model={STUDY}/score_model/model", "num_sources=200", "replicates=1", "shard_images=500"])
        .model_copy(update={"pool": ONE})
    )
    return ce_ablation(
        generation,
        sigma_ce=(0.1, 0.2, 0.3, 0.4),
        guidance_scale=(2.0, 5.0, 15.0),
        num_steps=(100, 250, 1000),
        judge=f"{STUDY}/classifiers/judge/model",
        max_concurrent_trials=8,
        output="runs/cifar10-ce-ablation",
    )


def cifar10_guidance_search() -> SearchConfig:
    """S000's w and sigma_CE around 15 and .2: validity against mean L2, 24 sets of 2,000 CEs; no published figure."""
    generation = cifar10_counterfactuals().override(
        [f"score_model={STUDY}/score_model/model", "num_sources=200", "replicates=1", "shard_images=500"]
    )
    return guidance_search(
        generation,
        guidance_scale=(2.0, 30.0),
        sigma_ce=(0.05, 0.5),
        judge=f"{STUDY}/classifiers/judge/model",
        num_trials=24,
        max_concurrent_trials=8,
        output="runs/cifar10-guidance-search",
    )
