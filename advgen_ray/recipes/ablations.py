"""Searches over counterfactuals that the recipes of several data sets share: neighborhood, scale, guidance, steps."""

from typing import Any

from advgen_ray.config import GenerateConfig, ObjectiveConfig, ParameterConfig, SearchConfig
from advgen_ray.config.counterfactuals import PAPER_POINT

VALIDITY = ObjectiveConfig(metric="validity")
KINDS = ("gaussian", "boltzmann_hardtanh")


def ce_ablation(
    generation: GenerateConfig,
    sigma_ce: tuple[float, ...],
    guidance_scale: tuple[float, ...],
    num_steps: tuple[int, ...],
    **settings: Any,
) -> SearchConfig:
    """Gaussian and Boltzmann crossed with sigma_CE and w; the exact Boltzmann score by sigma_CE; all three by steps.

    The base's own settings and the paper's are among the trials. ``settings`` are the search's own.
    """
    exact = _choice("neighborhood.kind", (*KINDS, "boltzmann_exact"))
    scale = _choice("neighborhood.sigma_ce", sigma_ce)
    return SearchConfig(
        job="generate_counterfactuals",
        base=generation.model_dump(mode="json"),
        proposals="grid",
        space=(_choice("neighborhood.kind", KINDS), scale, _choice("guidance_scale", guidance_scale)),
        also=((exact, scale), (exact, _choice("sampler.num_steps", num_steps))),
        points=({}, PAPER_POINT),
        objectives=(VALIDITY, _least("l2_mean"), _least("l0_mean")),
        **settings,
    )


def guidance_search(
    generation: GenerateConfig, guidance_scale: tuple[float, float], sigma_ce: tuple[float, float], **settings: Any
) -> SearchConfig:
    """w and sigma_CE within these bounds, proposed by Optuna for validity and mean L2 at once.

    ``settings`` are the search's own.
    """
    return SearchConfig(
        job="generate_counterfactuals",
        base=generation.model_dump(mode="json"),
        space=(
            ParameterConfig(key="guidance_scale", kind="log_uniform", low=guidance_scale[0], high=guidance_scale[1]),
            ParameterConfig(key="neighborhood.sigma_ce", kind="log_uniform", low=sigma_ce[0], high=sigma_ce[1]),
        ),
        objectives=(VALIDITY, _least("l2_mean")),
        **settings,
    )


def _choice(key: str, values: tuple[Any, ...]) -> ParameterConfig:
    return ParameterConfig(key=key, kind="choice", values=values)


def _least(metric: str) -> ObjectiveConfig:
    return ObjectiveConfig(metric=metric, goal="min")
