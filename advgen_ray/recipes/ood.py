"""Out-of-distribution detection (S004 section 3.3), clean and at worst, by what recipes of ``ood_training`` train."""

from typing import Any

from advgen_ray.config import (
    DataConfig,
    EvaluateOODConfig,
    OODAttackConfig,
    OODDetectorConfig,
    OODSetConfig,
    PoolConfig,
)
from advgen_ray.config.image_sources import AlteredConfig, ImageFilesConfig, OtherDataConfig
from advgen_ray.recipes.binary import PHOTOGRAPHS

STANDARD, ROBUST = "runs/demo/classifiers/eps-0.0/model", "runs/demo/classifiers/eps-1.0/model"
TINY_IMAGENET = ImageFilesConfig(path="data/tiny-imagenet-32/val.npz")
SVHN = ImageFilesConfig(path="data/svhn/test_first10000.npz")


def digits_ood() -> EvaluateOODConfig:
    """S004 table 3.12 on digits, L2 1: binary AT at worst at most five points of AUROC below RATIO, on sets new to all.

    Trained before: digits_study (or its two classifiers alone), digits_binary_ood, digits_outlier_exposure and
    digits_ratio. Sets from files are left out where they are not in ``data``.
    """
    altered = ("blurred", "inverted", "quarters", "mixed", "shuffled")
    detectors = {
        "binary AT": ("runs/digits/binary_ood/model", "binary_logit"),
        "standard, energy": (STANDARD, "energy"),
        "standard, max logit": (STANDARD, "max_logit"),
        "standard, MSP": (STANDARD, "msp"),
        "standard, Mahalanobis": (STANDARD, "mahalanobis"),
        "robust, energy": (ROBUST, "energy"),
        "OE, MSP": ("runs/digits/outlier_exposure/model", "msp"),
        "RATIO, MSP": ("runs/digits/ratio/model", "msp"),
    }
    return EvaluateOODConfig(
        data=DataConfig(name="digits"),
        detectors=_named(detectors),
        sets=(
            *(OODSetConfig(name=f"{one} digits", source=AlteredConfig(alteration=one)) for one in altered),
            OODSetConfig(name="uniform noise"),
            OODSetConfig(name="SVHN", source=SVHN, part="all"),
            OODSetConfig(name="Tiny ImageNet", source=TINY_IMAGENET),
        ),
        skip_missing=True,
        num_out_images=100,
        batch_size=100,
        shard_images=100,
        output="runs/digits/ood",
        pool=PoolConfig(min_actors=2, max_actors=2),
    )


def mnist_ood() -> EvaluateOODConfig:
    """MNIST within L2 2 against other sets, binary AT beside classifiers; no published figure.

    Trained before: mnist_binary_ood, mnist_outlier_exposure, and mnist_classifier at attack.eps=0 with
    output=runs/mnist/standard. Sets that are not in ``data`` are left out.
    """
    standard = "runs/mnist/standard/model"
    detectors = {
        "binary AT": ("runs/mnist/binary_ood/model", "binary_logit"),
        "standard, energy": (standard, "energy"),
        "standard, MSP": (standard, "msp"),
        "standard, Mahalanobis": (standard, "mahalanobis"),
        "OE, MSP": ("runs/mnist/outlier_exposure/model", "msp"),
    }
    return EvaluateOODConfig(
        data=DataConfig(name="mnist"),
        detectors=_named(detectors),
        sets=(
            OODSetConfig(name="Fashion-MNIST", source=OtherDataConfig(data=DataConfig(name="fashion_mnist"))),
            OODSetConfig(name="SVHN", source=SVHN, part="all"),
            OODSetConfig(name="CIFAR-10", source=OtherDataConfig(data=DataConfig(name="cifar10"))),
            OODSetConfig(name="Tiny ImageNet", source=TINY_IMAGENET),
            OODSetConfig(name="quarters of digits", source=AlteredConfig(alteration="quarters")),
            OODSetConfig(name="uniform noise"),
        ),
        skip_missing=True,
        attack=OODAttackConfig(eps=2.0),
        num_in_images=1000,
        num_out_images=500,
        batch_size=100,
        shard_images=100,
        output="runs/mnist/ood",
    )


def cifar10_ood() -> EvaluateOODConfig:
    """S004 table 3.12: binary AT against SVHN 93.5, 83.0 at worst; CIFAR-100 88.7, 70.6; noise 100, 100 (L2 1).

    Trained before: cifar10_binary_ood, cifar10_study's classifiers, cifar10_outlier_exposure and cifar10_ratio.
    """
    standard = "runs/cifar10/classifiers/eps-0.0/model"
    detectors = {
        "binary AT": ("runs/cifar10/binary_ood/model", "binary_logit"),
        "standard, energy": (standard, "energy"),
        "standard, MSP": (standard, "msp"),
        "standard, Mahalanobis": (standard, "mahalanobis"),
        "robust, energy": ("runs/cifar10/classifiers/eps-1.0/model", "energy"),
        "OE, MSP": ("runs/cifar10/outlier_exposure/model", "msp"),
        "RATIO, MSP": ("runs/cifar10/ratio/model", "msp"),
    }
    return EvaluateOODConfig(
        data=DataConfig(name="cifar10"),
        detectors=_named(detectors),
        sets=(
            OODSetConfig(name="SVHN", source=SVHN, part="all"),
            OODSetConfig(name="CIFAR-100", source=OtherDataConfig(data=DataConfig(name="cifar100"))),
            OODSetConfig(name="Tiny ImageNet", source=PHOTOGRAPHS),
            OODSetConfig(name="uniform noise"),
        ),
        skip_missing=True,
        output="runs/cifar10/ood",
    )


def npz_ood_256() -> EvaluateOODConfig:
    """S004 table 3.13, CelebA-HQ 256 in L2 7: SVHN .9967, .9928 at worst; ImageNet .9986, .9973; give data.root.

    Detector of npz_binary_256. An image of this size takes 786 kB where results are stored.
    """
    files = {"SVHN": SVHN.path, "ImageNet validation": "data/imagenet_val", "AFHQ-CAT": "data/afhq/val/cat"}
    files["LSUN-Church"] = "data/lsun_church"
    return EvaluateOODConfig(
        data=DataConfig(name="npz", root="data/celeba_hq_256"),
        detectors=_named({"binary AT": ("runs/celeba_hq_256/binary/model", "binary_logit")}),
        sets=(
            OODSetConfig(name="uniform noise"),
            *(OODSetConfig(name=name, source=ImageFilesConfig(path=path), part="all") for name, path in files.items()),
            OODSetConfig(name="CIFAR-10", source=OtherDataConfig(data=DataConfig(name="cifar10"))),
        ),
        skip_missing=True,
        attack=OODAttackConfig(eps=7.0),
        batch_size=32,
        shard_images=64,
        output="runs/celeba_hq_256/ood",
    )


def _named(detectors: dict[str, tuple[str, Any]]) -> tuple[OODDetectorConfig, ...]:
    return tuple(
        OODDetectorConfig(name=name, model=uri, detection_score=which) for name, (uri, which) in detectors.items()
    )
