"""The detectors of a comparison made ready to stand beside one-vs-rest detectors: each fitted, a function of images."""

import numpy as np
import torch
from torch import Tensor, nn

from advgen_ray.config.detectors import FittedDetectorsConfig
from advgen_ray.data.datasets import LabelledImages
from advgen_ray.data.subsets import reference_images
from advgen_ray.detection.cleanness import Cleanness, DensityColumns, EnergyColumns, LidColumns, fit_cleanness
from advgen_ray.detection.features import layers_of
from advgen_ray.detection.noisy import as_much_noise
from advgen_ray.distributed.attacks import build_passes, perturb_all
from advgen_ray.distributed.detector_comparison_rows import ReferenceImages
from advgen_ray.rng import Stream


def fit_detectors(
    config: FittedDetectorsConfig,
    classifier: nn.Module,
    train: LabelledImages,
    held_out: LabelledImages,
    seed: int,
    batch_size: int,
    device: torch.device,
) -> dict[str, Cleanness]:
    """The detectors asked for, by kind; all follow from the arguments, so that all actors have the same.

    ``train`` are the images near which KD and LID look, ``held_out`` those that bandwidth and regressions are fitted
    on: natural, noisy where asked for, and under ``config.attack``.
    """
    read = ReferenceImages(classifier, batch_size, device)
    natural = read.batches(held_out)
    attacked = _attacked(config, classifier, held_out, natural, seed)
    negatives = list(natural)
    if config.noisy_images:
        stream, ids = Stream(seed, f"noise/{config.attack.label}"), _ids(held_out, natural)
        negatives += [as_much_noise(a, x, one, stream) for a, x, one in zip(attacked, natural, ids, strict=True)]
    found: dict[str, Cleanness] = {}
    for kind in config.kinds:
        columns = _columns(kind, config, read, train, held_out, seed)
        found[kind] = fit_cleanness(columns, classifier, negatives, attacked).to(device).eval()
    return found


def _columns(
    kind: str,
    config: FittedDetectorsConfig,
    read: ReferenceImages,
    train: LabelledImages,
    held_out: LabelledImages,
    seed: int,
) -> nn.Module:
    reference = reference_images(train, config.num_reference)
    if kind == "energy":
        return EnergyColumns(read.model)
    if kind == "kd_bu":
        density = read.density(reference, held_out, config.bandwidths)
        return DensityColumns(read.model, density, Stream(seed, "dropout"), config.num_passes)
    layers = layers_of(read.model, config.layers)
    drawn = Stream(seed, "lid").generator("every image").choice(len(reference), config.num_candidates, replace=False)
    minibatch = read.features(reference.subset(np.sort(drawn)), layers)
    return LidColumns(read.model, layers, minibatch, train.info.num_classes, config.num_neighbors)


def _attacked(
    config: FittedDetectorsConfig, classifier: nn.Module, images: LabelledImages, natural: list[Tensor], seed: int
) -> list[Tensor]:
    passes = build_passes(config.attack, images.info.num_classes, seed, until_fallen=False)
    labels = images.targets().to(natural[0].device).split([len(x) for x in natural])
    batches = zip(natural, labels, _ids(images, natural), strict=True)
    return [perturb_all(classifier, x, y, ids, passes) for x, y, ids in batches]


def _ids(images: LabelledImages, batches: list[Tensor]) -> list[list[str]]:
    ids = images.item_ids(range(len(images)))
    stops = np.cumsum([len(x) for x in batches])
    return [ids[stop - len(x) : stop] for stop, x in zip(stops, batches, strict=True)]
