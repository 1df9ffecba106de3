"""Arithmetic and weights of the networks that jobs make, counted on one image of zeros."""

from functools import cache, singledispatch
from typing import NamedTuple

import torch
from pydantic import TypeAdapter
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from advgen_ray.config import (
    CalibrateClassifierConfig,
    CheckServiceConfig,
    CompareLossesConfig,
    CompareSubsetsConfig,
    Config,
    SearchConfig,
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
from advgen_ray.training.model_directory import CLASSIFIERS

_MODEL: TypeAdapter[ClassifierModelConfig] = TypeAdapter(ClassifierModelConfig)


class Network(NamedTuple):
    """Floating-point operations of one image's way forward, and how many weights there are."""

    flops: float
    num_weights: int


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


@networks_of.register
def _search(config: SearchConfig, known: dict[str, Network]) -> dict[str, Network]:
    return networks_of(config.job_config, known)


@cache
def _counted(model: str, data: str, num_logits: int | None) -> Network:
    described, info = _MODEL.validate_json(model), CATALOG[data]
    more = {"num_classes": num_logits} if num_logits else {}
    architecture = describe_architecture(described, info, mean=info.mean, std=info.std, **more)
    return _count(CLASSIFIERS[described.kind](**architecture), torch.zeros(1, *info.image_shape))


@cache
def _counted_unet(model: str, data: str) -> Network:
    info = CATALOG[data]
    network = UNet(**describe_architecture(UNetConfig.model_validate_json(model), info))
    return _count(network, torch.zeros(1, *info.image_shape), torch.zeros(1), torch.zeros(1, dtype=torch.long))


@torch.no_grad()
def _count(network: nn.Module, *one_image: torch.Tensor) -> Network:
    with FlopCounterMode(display=False) as counter:
        network.eval()(*one_image)
    return Network(float(counter.get_total_flops()), sum(weights.numel() for weights in network.parameters()))
