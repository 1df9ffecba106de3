"""Passes of jobs over rows: counterfactuals, energies, attacks, synthesis."""

from collections.abc import Iterable

from advgen_ray.attacks.cw import CW
from advgen_ray.attacks.least_distortion import CW_STEPS
from advgen_ray.config import (
    CalibrateClassifierConfig,
    CompareDetectorsConfig,
    CompareRobustnessConfig,
    CounterfactualsConfig,
    DVCEConfig,
    EvaluateDetectionConfig,
    EvaluateOneVsRestConfig,
    EvaluateOODConfig,
    ExplainPredictionsConfig,
    GenerateByClassifierConfig,
    GenerateConfig,
    GenerateFromClassifierConfig,
    MeasureDistortionConfig,
    RestoreImagesConfig,
    ScoreEnergiesConfig,
    SynthesizeConfig,
)
from advgen_ray.config.distance_classifier import ClassifyByDistanceConfig
from advgen_ray.config.evaluation import EvaluateRobustnessConfig
from advgen_ray.config.gradient_alignment import AlignGradientsConfig
from advgen_ray.costs.passes import (
    AUTOATTACK,
    FORWARD_AND_BACK,
    Passes,
    num_classes,
    of_attacks,
    passes_of,
    split_size,
    together,
)
from advgen_ray.diffusion.vp_sde import VPSDE
from advgen_ray.distributed.ce_generators import evaluations_of


def _each(networks: Iterable[str], images: float) -> list[Passes]:
    return [Passes(network, images) for network in networks]


def num_counterfactuals(config: CounterfactualsConfig) -> int:
    """Rows of a set."""
    return config.num_sources * num_classes(config.data.name) * config.replicates


@passes_of.register
def _generate(config: GenerateConfig) -> list[Passes]:
    return [Passes(config.score_model, num_counterfactuals(config) * evaluations_of(config, VPSDE()))]


@passes_of.register
def _generate_by_classifier(config: GenerateByClassifierConfig) -> list[Passes]:
    count = FORWARD_AND_BACK * num_counterfactuals(config)
    if not isinstance(config.method, DVCEConfig):
        return [Passes(config.classifier, count * config.method.max_steps)]
    count *= config.method.num_steps
    guides = [one for one in (config.classifier, config.method.cone_classifier) if one]
    return [Passes(config.method.score_model, count / FORWARD_AND_BACK), *_each(guides, count)]


@passes_of.register
def _by_distance(config: ClassifyByDistanceConfig) -> list[Passes]:
    return together(config.generation.model_copy(update={"sampler": sampler}) for sampler in config.samplers)


@passes_of.register
def _alignment(config: AlignGradientsConfig) -> list[Passes]:
    """Of all CEs that S000 has, since how many a set holds only the set knows."""
    return _each(config.classifiers, FORWARD_AND_BACK * 200_000)


@passes_of.register
def _energies(config: ScoreEnergiesConfig) -> list[Passes]:
    name = config.data.name
    clean = sum(split_size(name, split, config.num_images) for split in config.splits)
    attacked = split_size(name, "test", config.num_images) * of_attacks(config.attacks, num_classes(name))
    return _each(config.classifiers, clean + attacked)


@passes_of.register
def _robustness(config: EvaluateRobustnessConfig) -> list[Passes]:
    attacks = AUTOATTACK if config.attacks == "standard" else config.attacks
    images = split_size(config.data.name, config.split, config.num_images)
    return [Passes(config.classifier, images * (1 + of_attacks(attacks, num_classes(config.data.name))))]


@passes_of.register
def _by_radius(config: CompareRobustnessConfig) -> list[Passes]:
    return together(one.config for one in config.evaluations())


@passes_of.register
def _detectors(config: CompareDetectorsConfig) -> list[Passes]:
    images = split_size(config.data.name, "test", config.num_images)
    read = (1 + len(config.attacks)) * 2 * (config.num_passes if "kd_bu" in config.detectors else 1)  # noisy ones too
    attacked = of_attacks(config.attacks, num_classes(config.data.name))
    return [Passes(config.classifier, config.num_reference + images * (read + attacked))]


@passes_of.register
def _images(config: GenerateFromClassifierConfig) -> list[Passes]:
    images = config.images_per_class * num_classes(config.data.name)
    return _each(config.classifiers, FORWARD_AND_BACK * (images * config.num_steps + config.num_gradient_images))


@passes_of.register
def _synthesis(config: SynthesizeConfig) -> list[Passes]:
    steps = sum(ascent.num_steps for ascent in config.ascents)
    return _each(config.models, FORWARD_AND_BACK * config.num_images * steps)


@passes_of.register
def _restoration(config: RestoreImagesConfig) -> list[Passes]:
    images = (config.num_images + config.num_validation_images) * len(config.degradations)
    return _each(
        config.models, FORWARD_AND_BACK * images * max(config.ascent.num_steps) * 2
    )  # known pixels held or not


@passes_of.register
def _one_vs_rest(config: EvaluateOneVsRestConfig) -> list[Passes]:
    classes = config.classes if config.classes is not None else range(num_classes(config.data.name))
    steps = sum(attack.num_steps * (1 + attack.num_noise_starts) for attack in config.attacks)
    return _each((f"{config.detectors}/class-{k}/model" for k in classes), FORWARD_AND_BACK * config.num_images * steps)


@passes_of.register
def _class_detection(config: EvaluateDetectionConfig) -> list[Passes]:
    """Without ``fitted`` detectors, which no row asks for."""
    steps = sum(attack.num_steps * (1 + attack.num_noise_starts) for attack in config.attacks)
    return _each((config.classifier, f"{config.detectors}/model"), FORWARD_AND_BACK * config.num_images * steps)


@passes_of.register
def _explanations(config: ExplainPredictionsConfig) -> list[Passes]:
    return _each(config.classifiers, FORWARD_AND_BACK * config.num_images * config.num_steps * len(config.baselines))


@passes_of.register
def _distortion(config: MeasureDistortionConfig) -> list[Passes]:
    descents = config.steps * config.bisections
    others = {
        "radii": config.search_steps * config.num_radii,
        "fab": config.search_steps,
        "cw": CW.num_search_steps * CW_STEPS * config.search_steps,
    }
    steps = descents + sum(others[search] for search in config.searches)
    count = FORWARD_AND_BACK * config.num_images * max(config.num_targets, 1) * len(config.methods) * steps
    return [Passes(f"{config.detectors}/model", count), *_each([config.classifier] if config.classifier else [], count)]


@passes_of.register
def _ood(config: EvaluateOODConfig) -> list[Passes]:
    steps = config.attack.num_steps * config.attack.num_restarts
    images = config.num_out_images * len(config.sets)
    count = config.num_in_images + FORWARD_AND_BACK * images * steps
    return [Passes(one.model, count) for one in config.detectors]


@passes_of.register
def _calibration(config: CalibrateClassifierConfig) -> list[Passes]:
    name = config.data.name
    return [Passes(config.classifier, sum(split_size(name, split) for split in ("train", "test")))]
