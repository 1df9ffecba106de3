"""What jobs would say that measure what counterfactuals tell of classifiers and images."""

from typing import Any

from advgen_ray.config.distance_classifier import ClassifyByDistanceConfig
from advgen_ray.config.gradient_alignment import AlignGradientsConfig
from tests.catalogue.invented.dispatch import name_of, summary_of


@summary_of.register
def _by_distance(config: ClassifyByDistanceConfig) -> dict[str, Any]:
    names = [f"{one.kind} {one.num_steps}" for one in config.samplers]
    ends = {"accuracy": 0.9, "low": 0.85, "high": 0.93}
    curves = [{"sampler": name, "num_replicates": number} | ends for name in names for number in (1, 2, 4, 8)]
    return {"sampler": names[0], "curves": curves}


@summary_of.register
def _alignment(config: AlignGradientsConfig) -> dict[str, Any]:
    correlated = {f"alignment_correlation{end}": value for end, value in (("", -0.3), ("_low", -0.4), ("_high", -0.2))}
    return {"classifiers": [{"classifier": name_of(one), "alignment": 0.1} | correlated for one in config.classifiers]}
