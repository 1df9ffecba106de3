"""Imagenette as S003 has it, cropped to 150 pixels: a classifier to detect attacks on, and robust ones beside it."""

from typing import Any

from advgen_ray.config import (
    AttackConfig,
    CompareDetectorsConfig,
    DataConfig,
    OptimizerConfig,
    PoolConfig,
    ResNetConfig,
    ScoreEnergiesConfig,
    TrainClassifierConfig,
    WorkersConfig,
)
from advgen_ray.recipes.attacks import energy_view
from advgen_ray.recipes.robust_training import EPS, s001

DATA = DataConfig(name="imagenette")
CLASSIFIER = "runs/imagenette/classifier"
STEM: dict[str, Any] = {"model": ResNetConfig(depth=18, stem="imagenet"), "num_validation_images": 500}


def imagenette_classifier() -> TrainClassifierConfig:
    """The non-robust model of S003 T1: there PGD(8/255) is detected by energy in 98.24% with 1.37% false alarms.

    S003's is a ResNet-10, which ``ResNetConfig`` has not.
    """
    return TrainClassifierConfig(
        data=DATA,
        model=ResNetConfig(depth=18, stem="imagenet"),
        attack=AttackConfig(norm="linf", eps=0.0),
        evaluation_attack=AttackConfig(norm="linf", eps=EPS, num_steps=40, step_size=1 / 255),
        optimizer=OptimizerConfig(kind="sgd", learning_rate=0.1, weight_decay=5e-4, schedule="one_cycle"),
        num_epochs=60,
        augment="flip_crop",
        output=CLASSIFIER,
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


def imagenette_detectors() -> CompareDetectorsConfig:
    """S003 T1 on imagenette: the energy finds PGD(8/255) in 98.24% with 1.37% false alarms, PGD(16/255) in 99.6%, 0%.

    Of the model that imagenette_classifier leaves. Half of the test images choose the threshold. LID looks at the last
    stage and the logits alone, whose features of 150-pixel images fit into memory.
    """
    attack = AttackConfig(norm="linf", eps=EPS, num_steps=40, step_size=1 / 255)
    return CompareDetectorsConfig(
        data=DATA,
        classifier=f"{CLASSIFIER}/model",
        attacks=(attack, attack.override([f"eps={2 * EPS}"])),
        layers=("stages.3", "head"),
        batch_size=64,
        shard_images=500,
        output="runs/imagenette/detectors",
        pool=PoolConfig(min_actors=1, max_actors=8, cpus_per_actor=4),
    )


def imagenette_attacked_energies() -> ScoreEnergiesConfig:
    """S003 figures 2 and 3 on imagenette: PGD and natural energies apart, HE-PGD at lambda 1.2 over them, flat.

    Every attack in steps of 1/255, as there, of the model that imagenette_classifier leaves.
    """
    return ScoreEnergiesConfig(
        data=DATA,
        splits=("test",),
        classifiers=(f"{CLASSIFIER}/model",),
        attacks=energy_view("linf", EPS, step_size=1 / 255),
        batch_size=64,
        shard_images=500,
        output="runs/imagenette/attacked_energies",
        pool=PoolConfig(min_actors=1, max_actors=8, cpus_per_actor=4),
    )
