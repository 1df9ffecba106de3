"""Imagenette as S003 has it, cropped to 150 pixels: a classifier to detect attacks on, and robust ones beside it."""

from typing import Any

from advgen_ray.config import (
    AttackConfig,
    DataConfig,
    OptimizerConfig,
    ResNetConfig,
    TrainClassifierConfig,
    WorkersConfig,
)
from advgen_ray.recipes.robust_training import EPS, s001

DATA = DataConfig(name="imagenette")
STEM: dict[str, Any] = {"model": ResNetConfig(depth=18, stem="imagenet"), "num_validation_images": 500}


def imagenette_classifier() -> TrainClassifierConfig:
    """The non-robust model of S003 T1: there PGD(8/255) is detected by energy in 98.24% with 1.37% false alarms."""
    return TrainClassifierConfig(
        data=DATA,
        model=ResNetConfig(depth=18, stem="imagenet"),
        attack=AttackConfig(norm="linf", eps=0.0),
        evaluation_attack=AttackConfig(norm="linf", eps=EPS, num_steps=40, step_size=1 / 255),
        optimizer=OptimizerConfig(kind="sgd", learning_rate=0.1, weight_decay=5e-4, schedule="one_cycle"),
        num_epochs=60,
        augment="flip_crop",
        workers=WorkersConfig(num_workers=2, cpus_per_worker=4),
    )


def imagenette_sat() -> TrainClassifierConfig:
    """Standard AT in Linf 8/255, the robust model of S003 figure 4 in kind; no figure in the documents."""
    return s001(DATA, "sat", **STEM)


def imagenette_trades() -> TrainClassifierConfig:
    """TRADES with beta 6 in Linf 8/255; no figure in the documents."""
    return s001(DATA, "trades", **STEM)


def imagenette_mart() -> TrainClassifierConfig:
    """MART with beta 6 in Linf 8/255; no figure in the documents."""
    return s001(DATA, "mart", **STEM)


def imagenette_mail_trades() -> TrainClassifierConfig:
    """MAIL-TRADES with beta 5, burn-in 75, in Linf 8/255; no figure in the documents."""
    return s001(DATA, "mail_trades", **STEM)


def imagenette_weat_adv() -> TrainClassifierConfig:
    """WEAT-adv with beta 6 in Linf 8/255; no figure in the documents."""
    return s001(DATA, "weat_adv", **STEM)


def imagenette_weat_nat() -> TrainClassifierConfig:
    """WEAT-nat with beta 6 in Linf 8/255; no figure in the documents."""
    return s001(DATA, "weat_nat", **STEM)
