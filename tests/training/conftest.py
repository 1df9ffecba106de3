"""Trainings of a second: a few digits, tiny networks, everything that a checkpoint must hold switched on."""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from advgen_ray.attacks.pgd import PGD
from advgen_ray.attacks.threat_model import L2
from advgen_ray.data.augment import flip_and_crop
from advgen_ray.data.datasets import LabelledImages, load
from advgen_ray.diffusion.vp_sde import VPSDE
from advgen_ray.losses.mail import mail_trades_loss
from advgen_ray.models.ema import Ema
from advgen_ray.models.two_conv import TwoConv
from advgen_ray.models.unet import UNet
from advgen_ray.models.wide_resnet import WideResNet
from advgen_ray.rng import StartNoise
from advgen_ray.training.binary import Contest, Side, train_binary
from advgen_ray.training.classifier import RobustLoss, train_classifier
from advgen_ray.training.loop import Record, Report, Save, Trainee
from advgen_ray.training.optim import adam, constant, one_cycle
from advgen_ray.training.progressive import Progression
from advgen_ray.training.score_model import train_score_model
from advgen_ray.training.worker import Worker

Train = Callable[[Trainee, Report], None]


@pytest.fixture(scope="session")
def few_digits() -> LabelledImages:
    """The first 50 training digits."""
    return load("digits", "", "train").first(50)


def pgd_at(share: float, start_noise: StartNoise) -> PGD:
    """Three steps in L2, up to eps 0.5."""
    return PGD(L2(0.5 * share), 3, 0.3 * share, start_noise)


def new_classifier(images: LabelledImages, dropout: float = 0.2) -> Trainee:
    """WRN-10-1 on Adam and one cycle of 20 steps."""
    torch.manual_seed(0)
    info = images.info
    model = WideResNet(info.image_shape, info.num_classes, info.mean, info.std, 10, 1, base_channels=8, dropout=dropout)
    return Trainee(model, adam(model.parameters()), one_cycle(1e-2, 20))


def fit_classifier(
    trainee: Trainee, images: LabelledImages, report: Report, worker: Worker | None = None, **changes: Any
) -> None:
    """Five epochs of four steps (of 12 or 13 digits), augmented, attacked at a growing eps."""
    settings: dict[str, Any] = {
        "num_epochs": 5,
        "batch_size": 13,
        "augment": flip_and_crop,
        "eps_warmup_epochs": 2,
        "seed": 1,
        "worker": worker or Worker(),
        "report": report,
    }
    train_classifier(trainee, images, pgd_at, **(settings | changes))


def fit_mail(trainee: Trainee, images: LabelledImages, report: Report, worker: Worker | None = None) -> None:
    """Two epochs on MAIL-TRADES, weighted in the second, by the mean over all workers."""
    worker = worker or Worker()

    def loss_at_epoch(epoch: int) -> RobustLoss:
        return partial(mail_trades_loss, beta=2.0, weighted=epoch > 0, batch_mean=worker.mean)

    fit_classifier(trainee, images, report, worker, loss_at_epoch=loss_at_epoch, num_epochs=2)


def new_score_model(images: LabelledImages) -> Trainee:
    """A U-Net of two stages with dropout, clipped, warmed, averaged."""
    torch.manual_seed(0)
    info = images.info
    model = UNet(info.image_shape, info.num_classes, 8, (1, 2), 1, 1, 4, dropout=0.1)
    return Trainee(model, adam(model.parameters()), constant(1e-3, 5), clip_norm=1.0, ema=Ema(model, 0.99))


def fit_score_model(trainee: Trainee, images: LabelledImages, report: Report, worker: Worker | None = None) -> None:
    """Ten steps of 13 digits, a checkpoint every four."""
    train_score_model(
        trainee,
        images,
        sde=VPSDE(),
        label_drop=0.3,
        num_steps=10,
        batch_size=13,
        horizontal_flip=True,
        checkpoint_every_steps=4,
        seed=1,
        worker=worker or Worker(),
        report=report,
    )


def new_binary(images: LabelledImages, learning_rate: float = 2e-3) -> Trainee:
    """S004's network, small, averaged."""
    torch.manual_seed(0)
    model = TwoConv(images.info.image_shape, 1, images.info.mean, images.info.std, channels=(4, 8), hidden=16)
    optimizer = adam(model.parameters(), betas=(0.0, 0.99))
    return Trainee(model, optimizer, constant(learning_rate), ema=Ema(model, 0.9))


def fit_binary(
    trainee: Trainee,
    images: LabelledImages,
    report: Report = lambda *_: None,
    worker: Worker | None = None,
    **changes: Any,
) -> None:
    """Sixteen steps of 6 or 7 digits below five against as many of the others, in a ball, half of them from noise."""
    data, p0 = (
        Side(images.subset(np.flatnonzero(chosen)), flip_and_crop) for chosen in (images.labels < 5, images.labels >= 5)
    )
    contest: dict[str, Any] = {
        "out_attack": lambda k, noise: PGD(L2(1.0), k, 0.3, noise, keep_best=True),
        "progression": Progression(0, 3, steps_per_k=4, window=3),
        "data_attack": PGD(L2(0.2), 2, 0.1),
        "random_start_share": 0.5,
        "r1": 0.1,
    }
    settings: dict[str, Any] = {
        "num_steps": 16,
        "batch_size": 7,
        "record_every": 2,
        "checkpoint_every": 5,
        "seed": 1,
        "worker": worker or Worker(),
        "report": report,
    }
    asked = {name: value for name, value in changes.items() if name not in settings}
    train_binary(
        trainee,
        Contest(data, p0, **(contest | asked)),
        **{name: changes.get(name, settings[name]) for name in settings},
    )


class Keeper:
    """A report that keeps the records, and the checkpoints in numbered folders; it may end the run at one of them."""

    def __init__(self, folder: Path, stop_after: int | None = None) -> None:
        self.folder, self.stop_after = folder, stop_after
        self.records: list[Record] = []
        self.checkpoints: list[Path] = []

    def __call__(self, record: Record, save: Save | None) -> None:
        self.records.append(record)
        if save:
            directory = self.folder / f"step-{record['step']}"
            directory.mkdir(parents=True)
            save(directory)
            self.checkpoints.append(directory)
            if len(self.checkpoints) == self.stop_after:
                raise InterruptedError


def without_time(history: list[Record]) -> list[Record]:
    """Records without the one value that differs from run to run."""
    return [{name: value for name, value in record.items() if name != "seconds"} for record in history]
