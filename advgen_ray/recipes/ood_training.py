"""Detectors of out-of-distribution images to train (S004 section 3.3): binary AT, outlier exposure, RATIO."""

from typing import Any

from advgen_ray.config import (
    AttackConfig,
    DataConfig,
    OptimizerConfig,
    OutliersConfig,
    TrainBinaryConfig,
    TrainClassifierConfig,
    TwoConvConfig,
    WorkersConfig,
)
from advgen_ray.config.binary import AscentFromP0Config, DescentFromDataConfig, WorstCaseConfig
from advgen_ray.config.image_sources import AlteredConfig, MixtureConfig, NoiseConfig
from advgen_ray.recipes.binary import PHOTOGRAPHS
from advgen_ray.recipes.cifar10 import cifar10_classifier, cifar10_standard_classifier
from advgen_ray.recipes.digits import digits_classifier
from advgen_ray.recipes.mnist import mnist_classifier

# What Hein et al. (2019) train against: uniform noise, smooth noise, permuted pixels.
NOISES = MixtureConfig(
    sources=(NoiseConfig(num_images=1500), NoiseConfig(num_images=1500, blur=1.0), AlteredConfig(alteration="shuffled"))
)
MNIST_NOISES = MixtureConfig(sources=(NoiseConfig(), NoiseConfig(blur=2.0), AlteredConfig(alteration="shuffled")))


def digits_binary_ood() -> TrainBinaryConfig:
    """All digits against noises and shuffled digits, in- and out-distribution AT as S004 3.3.2; no published figure."""
    return TrainBinaryConfig(
        data=DataConfig(name="digits"),
        p0=NOISES,
        model=TwoConvConfig(channels=(16, 32), hidden=128),
        ascent=AscentFromP0Config(
            norm="l2", eps=1.0, step_size=0.25, first_steps=10, last_steps=10, random_start_share=0.5, keep_best=True
        ),
        descent=DescentFromDataConfig(norm="l2", eps=0.25, num_steps=4, step_size=0.1),
        optimizer=OptimizerConfig(learning_rate=1e-3),
        adam_betas=(0.9, 0.999),
        num_steps=400,
        batch_size=64,
        validation=WorstCaseConfig(num_images=60, num_steps=20, every_steps=200),
        checkpoint_every_steps=200,
        output="runs/digits/binary_ood",
        workers=WorkersConfig(num_workers=1),
    )


def digits_outlier_exposure() -> TrainClassifierConfig:
    """Hendrycks et al. (2019) on digits: the standard classifier, told that noises and shuffled digits are no class."""
    return digits_classifier().changed(attack=_free(), outliers=_told(NOISES), output="runs/digits/outlier_exposure")


def digits_ratio() -> TrainClassifierConfig:
    """RATIO (Augustin et al. 2020) on digits: in L2 .5 of the data and 1 of the outliers; no published figure."""
    return digits_classifier().changed(outliers=_told(NOISES, eps=1.0, num_steps=10), output="runs/digits/ratio")


def mnist_binary_ood() -> TrainBinaryConfig:
    """MNIST against noises and shuffled digits, in- and out-distribution AT as S004 3.3.2; no published figure."""
    return TrainBinaryConfig(
        data=DataConfig(name="mnist"),
        p0=MNIST_NOISES,
        model=TwoConvConfig(),
        ascent=AscentFromP0Config(
            norm="l2", eps=2.0, step_size=0.5, first_steps=10, last_steps=10, random_start_share=0.5, keep_best=True
        ),
        descent=DescentFromDataConfig(norm="l2", eps=0.5, num_steps=4, step_size=0.2),
        optimizer=OptimizerConfig(learning_rate=1e-3),
        adam_betas=(0.9, 0.999),
        num_steps=1200,
        batch_size=64,
        validation=WorstCaseConfig(num_images=300, num_steps=20, every_steps=200),
        checkpoint_every_steps=200,
        output="runs/mnist/binary_ood",
        workers=WorkersConfig(num_workers=2),
    )


def mnist_outlier_exposure() -> TrainClassifierConfig:
    """Hendrycks et al. (2019) on MNIST: noises and shuffled digits are no class; no published figure for these."""
    base = mnist_classifier().changed(attack=_free(), outliers=_told(MNIST_NOISES))
    return base.changed(output="runs/mnist/outlier_exposure")


def cifar10_outlier_exposure() -> TrainClassifierConfig:
    """OE of S004 table 3.12 (quoted: SVHN 99.4, .6 at worst), told of Tiny-ImageNet: Tiny Images were withdrawn."""
    base = cifar10_standard_classifier().changed(outliers=_told(PHOTOGRAPHS))
    return base.changed(output="runs/cifar10/outlier_exposure")


def cifar10_ratio() -> TrainClassifierConfig:
    """RATIO of S004 table 3.12 (SVHN 96.5, 81.3 at worst): in L2 .5, 10 steps, out L2 1, 20 steps of .1 (its code)."""
    return cifar10_classifier().changed(
        attack=AttackConfig(norm="l2", eps=0.5, num_steps=10, step_size=0.1),
        outliers=_told(PHOTOGRAPHS, eps=1.0, num_steps=20, step_size=0.1, weight=1.0),
        output="runs/cifar10/ratio",
    )


def _told(source: Any, weight: float = 0.5, **attack: Any) -> OutliersConfig:
    return OutliersConfig(source=source, weight=weight, attack=AttackConfig(**({"eps": 0.0} | attack)))


def _free() -> AttackConfig:
    return AttackConfig(eps=0.0)
