"""The robust trainings of S001 section A.3, shared by the data sets: six losses under one budget."""

from typing import Any, Literal

from advgen_ray.config import (
    AttackConfig,
    DataConfig,
    OptimizerConfig,
    ResNetConfig,
    TrainClassifierConfig,
    WorkersConfig,
)

Loss = Literal["sat", "trades", "mart", "mail_trades", "weat_adv", "weat_nat"]

EPS = 8 / 255
BURN_IN_SHARE = 0.75  # S001: 75 of 100 epochs
FROM_NOISE: tuple[Loss, ...] = ("trades", "mail_trades", "weat_adv", "weat_nat")  # the divergence is flat at the image


def s001(data: DataConfig, loss: Loss, **changes: Any) -> TrainClassifierConfig:
    """ResNet-18, Linf 8/255 in 10 steps of 2/255, SGD with one cycle up to 0.1, 100 epochs, beta 6 (MAIL: 5).

    The best model is chosen by PGD(20) on 1,000 training images held out; S001 chose it on generated images.
    """
    base = TrainClassifierConfig(
        data=data,
        model=ResNetConfig(depth=18),
        attack=AttackConfig(norm="linf", eps=EPS, num_steps=10, step_size=2 / 255),
        evaluation_attack=AttackConfig(norm="linf", eps=EPS, num_steps=20, step_size=2 / 255),
        num_validation_images=1000,
        optimizer=OptimizerConfig(
            kind="sgd", learning_rate=0.1, weight_decay=5e-4, momentum=0.9, schedule="one_cycle", one_cycle_rise=0.25
        ),
        num_epochs=100,
        augment="flip_crop",
        workers=WorkersConfig(num_workers=2, cpus_per_worker=4),
    )
    return with_loss(base.changed(**changes), loss, changes.get("beta"))


def with_loss(base: TrainClassifierConfig, loss: Loss, beta: float | None = None) -> TrainClassifierConfig:
    """The same training on another loss: its beta, where its attack starts, MAIL's burn-in of 3/4 of the epochs."""
    changes: dict[str, Any] = {
        "loss": loss,
        "beta": beta if beta is not None else 5.0 if loss == "mail_trades" else 6.0,
        "attack": base.attack.changed(start="near" if loss in FROM_NOISE else "uniform"),
    }
    if loss == "mail_trades":
        changes["mail_burn_in_epochs"] = int(BURN_IN_SHARE * base.num_epochs)
    return base.changed(**changes)
