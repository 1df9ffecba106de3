"""Tiny-ImageNet (200 classes, 64 pixels) at paper scale: the robust trainings of S001 section A.3."""

from advgen_ray.config import DataConfig, TrainClassifierConfig
from advgen_ray.recipes.robust_training import s001

DATA = DataConfig(name="tiny_imagenet")


def tiny_imagenet_sat() -> TrainClassifierConfig:
    """S001 A.3, standard AT; AutoAttack lists 65.19 clean, 31.30 robust for WRN-28-10 with generated images."""
    return s001(DATA, "sat")


def tiny_imagenet_trades() -> TrainClassifierConfig:
    """S001 A.3, TRADES with beta 6; AutoAttack lists 65.19 clean, 31.30 robust for WRN-28-10 with generated images."""
    return s001(DATA, "trades")


def tiny_imagenet_mart() -> TrainClassifierConfig:
    """S001 A.3, MART with beta 6; AutoAttack lists 65.19 clean, 31.30 robust for WRN-28-10 with generated images."""
    return s001(DATA, "mart")


def tiny_imagenet_mail_trades() -> TrainClassifierConfig:
    """S001 A.3, MAIL-TRADES with PM_adv, beta 5, burn-in 75; no AutoAttack figure is listed."""
    return s001(DATA, "mail_trades")


def tiny_imagenet_weat_adv() -> TrainClassifierConfig:
    """S001 A.3, WEAT-adv with beta 6 (S001 gives none for this set); no figure in the supplement."""
    return s001(DATA, "weat_adv")


def tiny_imagenet_weat_nat() -> TrainClassifierConfig:
    """S001 A.3, WEAT-nat with beta 6; no figure in the supplement."""
    return s001(DATA, "weat_nat")
