"""Arithmetic and weights of the networks that jobs make."""

from functools import cache, singledispatch

from pydantic import TypeAdapter

from advgen_ray.config import (
    CalibrateClassifierConfig,
    CheckServiceConfig,
    CompareLossesConfig,
    CompareSubsetsConfig,
    Config,
    TrainBinaryConfig,
    TrainClassifierConfig,
    TrainOneVsRestConfig,
    TrainScoreModelConfig,
    UNetConfig,
)
from advgen_ray.config.models import ClassifierModelConfig
from advgen_ray.costs.passes import num_classes
from advgen_ray.data.catalog import CATALOG
from advgen_ray.models.unet import UNet
from advgen_ray.stages.training import describe_architecture
from advgen_ray.training.arithmetic import Network, count
from advgen_ray.training.model_directory import CLASSIFIERS

_MODEL: TypeAdapter[ClassifierModelConfig] = TypeAdapter(ClassifierModelConfig)


@singledispatch
def networks_of(config: Config, known: dict[str, Network]) -> dict[str, Network]:
    """The networks that a job makes, by their places; ``known`` are those made before."""
    return {}


@networks_of.register
def _classifier(config: TrainClassifierConfig, known: dict[str, Network]) -> dict[str, Network]:
    return {f"{config.output}/model": _counted(config.model.model_dump_json(), config.data.name, None)}


@networks_of.register
def _score_model(config: TrainScoreModelConfig, known: dict[str, Network]) -> dict[str, Network]:
    return {f"{config.output}/model": _counted_unet(config.model.model_dump_json(), config.data.name)}


@networks_of.register
def _binary(config: TrainBinaryConfig, known: dict[str, Network]) -> dict[str, Network]:
    return {f"{config.output}/model": _counted(config.model.model_dump_json(), config.data.name, 1)}


@networks_of.register
def _one_vs_rest(config: TrainOneVsRestConfig, known: dict[str, Network]) -> dict[str, Network]:
    name, output = config.training.data.name, config.output.rstrip("/")
    one = _counted(config.training.model.model_dump_json(), name, 1)
    classes = config.classes if config.classes is not None else range(num_classes(name))
    all_of_them = Network(len(classes) * one.flops, len(classes) * one.num_weights)
    return {f"{output}/model": all_of_them, **{f"{output}/class-{k}/model": one for k in classes}}


@networks_of.register
def _calibrated(config: CalibrateClassifierConfig, known: dict[str, Network]) -> dict[str, Network]:
    return {f"{config.output}/model": known[config.classifier]}


@networks_of.register
def _service(config: CheckServiceConfig, known: dict[str, Network]) -> dict[str, Network]:
    return {
        place: network for one in (config.submitted, config.here) for place, network in networks_of(one, known).items()
    }


@networks_of.register
def _losses(config: CompareLossesConfig, known: dict[str, Network]) -> dict[str, Network]:
    trained = [config.training_with(loss, seed) for loss in config.losses for seed in config.seeds]
    return {place: network for one in trained for place, network in networks_of(one, known).items()}


@networks_of.register
def _subsets(config: CompareSubsetsConfig, known: dict[str, Network]) -> dict[str, Network]:
    return networks_of(config.base(), known)


@cache
def _counted(model: str, data: str, num_logits: int | None) -> Network:
    described, info = _MODEL.validate_json(model), CATALOG[data]
    more = {"num_classes": num_logits} if num_logits else {}
    return count(
        CLASSIFIERS[described.kind], describe_architecture(described, info, mean=info.mean, std=info.std, **more)
    )


@cache
def _counted_unet(model: str, data: str) -> Network:
    return count(UNet, describe_architecture(UNetConfig.model_validate_json(model), CATALOG[data]))
