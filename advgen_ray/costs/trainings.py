"""Passes of trainings, and of what is made of trainings."""

from advgen_ray.config import (
    CheckServiceConfig,
    CompareLossesConfig,
    CompareSubsetsConfig,
    SimulateBinaryTrainingConfig,
    TrainBinaryConfig,
    TrainClassifierConfig,
    TrainOneVsRestConfig,
    TrainScoreModelConfig,
)
from advgen_ray.config.binary import binary_passes
from advgen_ray.config.jobs import training_passes
from advgen_ray.costs.passes import FORWARD_AND_BACK, Passes, num_classes, passes_of, split_size, together

STARTS = 2  # of the attack that measures a detector: the image itself, and noise
SUBSETS = 5  # all images, and without I, C, H and L


@passes_of.register
def _classifier(config: TrainClassifierConfig) -> list[Passes]:
    images, test = (split_size(config.data.name, split) for split in ("train", "test"))
    learning = FORWARD_AND_BACK * training_passes(config, images)
    measure = 1 + (FORWARD_AND_BACK * config.evaluation_attack.num_steps if config.evaluation_attack.eps else 0)
    validated = config.num_validation_images * (config.num_epochs // config.validate_every_epochs)
    test *= 2 if config.num_validation_images else 1  # the best model by those, and the last
    recorded = 2 * len(config.record_energies_at_epochs) * config.num_energy_images
    return [Passes(f"{config.output}/model", learning + (test + validated + recorded) * measure)]


@passes_of.register
def _score_model(config: TrainScoreModelConfig) -> list[Passes]:
    return [Passes(f"{config.output}/model", FORWARD_AND_BACK * config.num_steps * config.batch_size)]


@passes_of.register
def _binary(config: TrainBinaryConfig) -> list[Passes]:
    count = FORWARD_AND_BACK * binary_passes(config)
    if config.validation:
        times = -(-config.num_steps // config.validation.every_steps)
        at_worst = 1 + STARTS * (FORWARD_AND_BACK * config.validation.num_steps + 2)
        count += times * config.validation.num_images * (1 + at_worst)  # p0 is attacked
        count += config.validation.num_test_images * 2 * at_worst  # and so are both in the end
    return [Passes(f"{config.output}/model", count)]


@passes_of.register
def _one_vs_rest(config: TrainOneVsRestConfig) -> list[Passes]:
    classes = config.classes if config.classes is not None else range(num_classes(config.training.data.name))
    output = config.output.rstrip("/")
    return together(config.training.model_copy(update={"output": f"{output}/class-{k}"}) for k in classes)


@passes_of.register
def _service(config: CheckServiceConfig) -> list[Passes]:
    return together((config.submitted, config.here))


@passes_of.register
def _losses(config: CompareLossesConfig) -> list[Passes]:
    return together(config.training_with(loss, seed) for loss in config.losses for seed in config.seeds)


@passes_of.register
def _subsets(config: CompareSubsetsConfig) -> list[Passes]:
    (base,) = passes_of(config.base())
    return [Passes(base.network, base.images * (1 + SUBSETS * len(config.seeds)))]


@passes_of.register
def _plane(config: SimulateBinaryTrainingConfig) -> list[Passes]:
    return []  # a minute of one core
