"""From the words of a config to the loss that it names."""

from collections.abc import Callable
from functools import partial

from advgen_ray.config import TrainClassifierConfig
from advgen_ray.losses.mail import mail_trades_loss
from advgen_ray.losses.mart import mart_loss
from advgen_ray.losses.sat import sat_loss
from advgen_ray.losses.trades import trades_loss
from advgen_ray.losses.weat import weat_adv_loss, weat_nat_loss
from advgen_ray.training.classifier import RobustLoss
from advgen_ray.training.worker import Worker


def loss_at_epoch(config: TrainClassifierConfig, worker: Worker) -> Callable[[int], RobustLoss]:
    """The loss of each epoch, from 0; only MAIL's changes, when its burn-in ends."""
    if config.loss == "mail_trades":
        mail = partial(
            mail_trades_loss,
            beta=config.beta,
            slope=config.mail_slope,
            bias=config.mail_bias,
            scale=config.mail_scale,
            batch_mean=worker.mean,
        )
        return lambda epoch: partial(mail, weighted=epoch >= config.mail_burn_in_epochs)
    losses: dict[str, RobustLoss] = {
        "sat": sat_loss,
        "trades": partial(trades_loss, beta=config.beta),
        "mart": partial(mart_loss, beta=config.beta, constants=config.mart_constants),
        "weat_adv": partial(weat_adv_loss, beta=config.beta),
        "weat_nat": partial(weat_nat_loss, beta=config.beta),
    }
    return lambda epoch: losses[config.loss]
