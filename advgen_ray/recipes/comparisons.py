"""Comparisons of trainings that the recipes of several data sets share: every loss of S001 on one budget."""

from typing import Any, get_args

from advgen_ray.config import CompareLossesConfig, LossConfig, TrainClassifierConfig
from advgen_ray.recipes.robust_training import Loss, with_loss


def every_loss(base: TrainClassifierConfig, **settings: Any) -> CompareLossesConfig:
    """S001 A.3: SAT, TRADES, MART, MAIL-TRADES, WEAT-adv, WEAT-nat, each with its own beta and start of the attack.

    ``settings`` are the comparison's own.
    """
    shared = with_loss(with_loss(base, "mail_trades"), "sat")  # with MAIL's burn-in, which no other loss reads
    trainings = [with_loss(base, loss) for loss in get_args(Loss)]
    losses = tuple(LossConfig(loss=one.loss, beta=one.beta, start=one.attack.start) for one in trainings)
    return CompareLossesConfig(training=shared, losses=losses, **settings)
