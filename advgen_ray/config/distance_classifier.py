"""The classifier made of counterfactuals: of which images, by how many counterfactuals, at which cost each."""

from typing import ClassVar, Self

from pydantic import model_validator

from advgen_ray.config.base import Config, Place
from advgen_ray.config.counterfactuals import GenerateConfig
from advgen_ray.config.samplers import SamplerConfig


class ClassifyByDistanceConfig(Config):
    """Images named after the class whose counterfactuals lie nearest (S000 section 4), by their number and by cost.

    One set of counterfactuals a sampler, else as ``generation`` says, whose ``replicates`` are the most counterfactuals
    of a class that are averaged; fewer of the same ones give the rest of the curve. The images are those of its split.
    The accuracy told is that of the sampler named first, whichever turns out best.
    """

    PLACEMENT: ClassVar[frozenset[str]] = frozenset({"output"})

    generation: GenerateConfig = GenerateConfig(split="test", num_sources=1000)
    samplers: tuple[SamplerConfig, ...] = (SamplerConfig(num_steps=20), SamplerConfig(num_steps=40))
    output: Place = "runs/distance_classifier"

    @model_validator(mode="after")
    def _samplers_differ(self) -> Self:
        if not self.samplers or len(set(self.samplers)) < len(self.samplers):
            raise ValueError(f"samplers: expected one or more, all different, got {len(self.samplers)}")
        if self.generation.sources:
            raise ValueError(f"generation.sources={self.generation.sources}: images are classified, not their CEs")
        return self
