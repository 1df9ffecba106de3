"""Ablations that the recipes of several data sets share: neighborhood, its scale, guidance, steps."""

from typing import Any

from advgen_ray.config import GenerateConfig, ParameterConfig, SearchCounterfactualsConfig

KINDS = ("gaussian", "boltzmann_hardtanh")


def ce_ablation(
    generation: GenerateConfig,
    sigma_ce: tuple[float, ...],
    guidance_scale: tuple[float, ...],
    num_steps: tuple[int, ...],
    **settings: Any,
) -> SearchCounterfactualsConfig:
    """Gaussian and Boltzmann crossed with sigma_CE and w; the exact Boltzmann score by sigma_CE; all three by steps.

    ``settings`` are the search's own.
    """
    exact = _choice("neighborhood.kind", (*KINDS, "boltzmann_exact"))
    scale = _choice("neighborhood.sigma_ce", sigma_ce)
    return SearchCounterfactualsConfig(
        generation=generation,
        space=(_choice("neighborhood.kind", KINDS), scale, _choice("guidance_scale", guidance_scale)),
        also=((exact, scale), (exact, _choice("sampler.num_steps", num_steps))),
        **settings,
    )


def _choice(key: str, values: tuple[Any, ...]) -> ParameterConfig:
    return ParameterConfig(key=key, kind="choice", values=values)
