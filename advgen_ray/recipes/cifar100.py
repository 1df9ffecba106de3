"""CIFAR-100 at paper scale: the robust trainings of S001 section A.3, and its energies by depth (A.1)."""

from typing import Literal

from advgen_ray.config import DataConfig, PoolConfig, ScoreEnergiesConfig, TrainClassifierConfig
from advgen_ray.recipes.attacks import ladder
from advgen_ray.recipes.robust_training import s001

DATA = DataConfig(name="cifar100")


def cifar100_sat() -> TrainClassifierConfig:
    """S001 A.3, standard AT; AutoAttack lists 72.58 clean, 38.83 robust for WRN-28-10 with generated images."""
    return s001(DATA, "sat")


def cifar100_trades() -> TrainClassifierConfig:
    """S001 A.3, TRADES with beta 6; AutoAttack lists 75.22 clean, 42.67 robust for WRN-70-16 with generated images."""
    return s001(DATA, "trades")


def cifar100_mart() -> TrainClassifierConfig:
    """S001 A.3, MART with beta 6; AutoAttack lists 72.58 clean, 38.83 robust for WRN-28-10 with generated images."""
    return s001(DATA, "mart")


def cifar100_mail_trades() -> TrainClassifierConfig:
    """S001 A.3, MAIL-TRADES with PM_adv, beta 5, burn-in 75; no AutoAttack figure is listed."""
    return s001(DATA, "mail_trades")


def cifar100_weat_adv() -> TrainClassifierConfig:
    """S001 A.3, WEAT-adv with beta 7; no figure in the supplement, whose figure A has energies falling to about -50."""
    return s001(DATA, "weat_adv", beta=7.0)


def cifar100_weat_nat() -> TrainClassifierConfig:
    """S001 A.3, WEAT-nat with beta 6; no figure in the supplement."""
    return s001(DATA, "weat_nat")


def cifar100_energies_by_steps() -> ScoreEnergiesConfig:
    """S001 figure A: E(x) against steps of PGD and of TRADES' attack for three depths; all collapse to about -50.

    Train the three first: cifar100_sat with attack.eps=0, num_validation_images=0, model.depth=18 and
    output=runs/cifar100/resnet-18, then 34 and 50. Of a standard training PGD on held-out images would keep an epoch of
    the first few.
    """
    ball: tuple[Literal["linf"], float, float] = ("linf", 8 / 255, 2 / 255)
    return ScoreEnergiesConfig(
        data=DATA,
        splits=("test",),
        classifiers=tuple(f"runs/cifar100/resnet-{depth}/model" for depth in (18, 34, 50)),
        attacks=(*ladder(*ball), *ladder(*ball, "kl")),
        shard_images=1000,
        pool=PoolConfig(min_actors=1, max_actors=8, cpus_per_actor=4),
    )
